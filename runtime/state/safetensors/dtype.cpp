#include "runtime/state/safetensors/dtype.hpp"

#include <algorithm>
#include <array>

#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

struct DtypeRow {
  SafetensorsDtype dtype;
  std::string_view name;
  std::size_t bits;
};

constexpr std::array dtype_rows = {DtypeRow{SafetensorsDtype::f64, "F64", 64},
                                   DtypeRow{SafetensorsDtype::f32, "F32", 32},
                                   DtypeRow{SafetensorsDtype::f16, "F16", 16},
                                   DtypeRow{SafetensorsDtype::bf16, "BF16", 16},
                                   DtypeRow{SafetensorsDtype::f8_e4m3, "F8_E4M3", 8},
                                   DtypeRow{SafetensorsDtype::f8_e5m2, "F8_E5M2", 8},
                                   DtypeRow{SafetensorsDtype::f8_e8m0, "F8_E8M0", 8},
                                   DtypeRow{SafetensorsDtype::f8_e4m3fnuz, "F8_E4M3FNUZ", 8},
                                   DtypeRow{SafetensorsDtype::f8_e5m2fnuz, "F8_E5M2FNUZ", 8},
                                   DtypeRow{SafetensorsDtype::f6_e2m3, "F6_E2M3", 6},
                                   DtypeRow{SafetensorsDtype::f6_e3m2, "F6_E3M2", 6},
                                   DtypeRow{SafetensorsDtype::f4, "F4", 4},
                                   DtypeRow{SafetensorsDtype::c64, "C64", 64},
                                   DtypeRow{SafetensorsDtype::i64, "I64", 64},
                                   DtypeRow{SafetensorsDtype::i32, "I32", 32},
                                   DtypeRow{SafetensorsDtype::i16, "I16", 16},
                                   DtypeRow{SafetensorsDtype::i8, "I8", 8},
                                   DtypeRow{SafetensorsDtype::u64, "U64", 64},
                                   DtypeRow{SafetensorsDtype::u32, "U32", 32},
                                   DtypeRow{SafetensorsDtype::u16, "U16", 16},
                                   DtypeRow{SafetensorsDtype::u8, "U8", 8},
                                   DtypeRow{SafetensorsDtype::boolean, "BOOL", 8}};

static_assert(has_row_for_each_enumerator(dtype_rows, &DtypeRow::dtype),
              "a table needs a row for each enumerator, in their order");

}  // namespace

std::string_view name_of(SafetensorsDtype dtype) { return dtype_rows[static_cast<std::size_t>(dtype)].name; }

std::size_t bits_of(SafetensorsDtype dtype) { return dtype_rows[static_cast<std::size_t>(dtype)].bits; }

std::size_t size_of(SafetensorsDtype dtype) { return (bits_of(dtype) + 7) / 8; }

std::optional<SafetensorsDtype> find_safetensors_dtype(std::string_view name) {
  const auto* row =
      std::find_if(dtype_rows.begin(), dtype_rows.end(), [&](const DtypeRow& each) { return each.name == name; });
  return row == dtype_rows.end() ? std::nullopt : std::optional(row->dtype);
}

}  // namespace dsrun
