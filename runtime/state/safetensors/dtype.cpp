#include "runtime/state/safetensors/dtype.hpp"

#include <algorithm>
#include <array>

#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

struct DtypeRow {
  SafetensorsDtype dtype;
  std::string_view name;
  std::size_t size;
};

constexpr std::array dtype_rows = {
    DtypeRow{SafetensorsDtype::f64, "F64", 8},         DtypeRow{SafetensorsDtype::f32, "F32", 4},
    DtypeRow{SafetensorsDtype::f16, "F16", 2},         DtypeRow{SafetensorsDtype::bf16, "BF16", 2},
    DtypeRow{SafetensorsDtype::f8_e4m3, "F8_E4M3", 1}, DtypeRow{SafetensorsDtype::f8_e5m2, "F8_E5M2", 1},
    DtypeRow{SafetensorsDtype::i64, "I64", 8},         DtypeRow{SafetensorsDtype::i32, "I32", 4},
    DtypeRow{SafetensorsDtype::i16, "I16", 2},         DtypeRow{SafetensorsDtype::i8, "I8", 1},
    DtypeRow{SafetensorsDtype::u8, "U8", 1},           DtypeRow{SafetensorsDtype::boolean, "BOOL", 1}};

static_assert(has_row_for_each_enumerator(dtype_rows, &DtypeRow::dtype),
              "a table needs a row for each enumerator, in their order");

}  // namespace

std::string_view name_of(SafetensorsDtype dtype) { return dtype_rows[static_cast<std::size_t>(dtype)].name; }

std::size_t size_of(SafetensorsDtype dtype) { return dtype_rows[static_cast<std::size_t>(dtype)].size; }

std::optional<SafetensorsDtype> find_safetensors_dtype(std::string_view name) {
  const auto* row =
      std::find_if(dtype_rows.begin(), dtype_rows.end(), [&](const DtypeRow& each) { return each.name == name; });
  return row == dtype_rows.end() ? std::nullopt : std::optional(row->dtype);
}

}  // namespace dsrun
