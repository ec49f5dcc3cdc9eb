#include "runtime/transport/wire/tensor_header.hpp"

#include <algorithm>

namespace dsrun {
namespace {

class Writer {
 public:
  explicit Writer(std::span<std::byte> bytes) : bytes_(bytes) {}
  template <class Integer>
  void put(Integer value) {
    auto rest = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof value; ++i, rest >>= 8) bytes_[at_++] = static_cast<std::byte>(rest & 0xff);
  }

 private:
  std::span<std::byte> bytes_;
  std::size_t at_ = 0;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <class Integer>
  void get(Integer& value) {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) all |= std::to_integer<std::uint64_t>(bytes_[at_++]) << (8 * i);
    value = static_cast<Integer>(all);
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

constexpr auto last_traffic = static_cast<std::uint8_t>(Traffic::all_gather);
constexpr auto last_of_stages = static_cast<std::uint8_t>(Traffic::gradient);
constexpr auto last_hop = static_cast<std::uint8_t>(Hop::second);

}  // namespace

std::array<std::byte, tensor_header_bytes> write_tensor_header(const TensorHeader& header) {
  std::array<std::byte, tensor_header_bytes> bytes{};
  Writer writer(bytes);
  const Tag& tag = header.tag;
  writer.put(header.destination);
  writer.put(tag.generation);
  writer.put(tag.round);
  writer.put(static_cast<std::uint8_t>(tag.traffic));
  writer.put(static_cast<std::uint8_t>(tag.pass));
  writer.put(static_cast<std::uint8_t>(tag.hop));
  writer.put(tag.port);
  for (const int value : {tag.stage, tag.direction, tag.microbatch, tag.node, tag.source}) writer.put(value);
  writer.put(header.sent_ns);
  writer.put(header.arrives_ns);
  return bytes;
}

std::optional<TensorHeader> read_tensor_header(std::span<const std::byte> bytes) {
  if (bytes.size() != tensor_header_bytes) return std::nullopt;
  Reader reader(bytes);
  TensorHeader header;
  Tag& tag = header.tag;
  std::uint8_t traffic = 0, pass = 0, hop = 0;
  reader.get(header.destination);
  reader.get(tag.generation);
  reader.get(tag.round);
  reader.get(traffic);
  reader.get(pass);
  reader.get(hop);
  reader.get(tag.port);
  for (int* value : {&tag.stage, &tag.direction, &tag.microbatch, &tag.node, &tag.source}) reader.get(*value);
  reader.get(header.sent_ns);
  reader.get(header.arrives_ns);
  if (traffic > last_traffic || pass >= num_passes || hop > last_hop) return std::nullopt;
  if (tag.port != 0 && traffic > last_of_stages) return std::nullopt;
  if (std::min({header.destination, tag.stage, tag.direction, tag.microbatch, tag.node, tag.source}) < 0)
    return std::nullopt;
  tag.traffic = static_cast<Traffic>(traffic);
  tag.pass = static_cast<Pass>(pass);
  tag.hop = static_cast<Hop>(hop);
  return header;
}

std::array<std::byte, loan_header_bytes> write_loan_header(const LoanHeader& header) {
  std::array<std::byte, loan_header_bytes> bytes{};
  const auto tensor = write_tensor_header(header.tensor);
  std::copy(tensor.begin(), tensor.end(), bytes.begin());
  Writer writer(std::span<std::byte>(bytes).subspan(tensor_header_bytes));
  writer.put(header.source.pid);
  writer.put(header.source.descriptor);
  for (const std::uint64_t value :
       {header.source.nonce, header.source.num_bytes, header.offset, header.num_bytes, header.number})
    writer.put(value);
  return bytes;
}

std::optional<LoanHeader> read_loan_header(std::span<const std::byte> bytes) {
  if (bytes.size() != loan_header_bytes) return std::nullopt;
  const auto tensor = read_tensor_header(bytes.first(tensor_header_bytes));
  if (!tensor) return std::nullopt;
  LoanHeader header;
  header.tensor = *tensor;
  Reader reader(bytes.subspan(tensor_header_bytes));
  reader.get(header.source.pid);
  reader.get(header.source.descriptor);
  for (std::uint64_t* value :
       {&header.source.nonce, &header.source.num_bytes, &header.offset, &header.num_bytes, &header.number})
    reader.get(*value);
  return header;
}

std::array<std::byte, answer_header_bytes> write_answer_header(LoanAnswer answer) {
  std::array<std::byte, answer_header_bytes> bytes{};
  Writer(bytes).put(static_cast<std::uint64_t>(answer));
  return bytes;
}

std::optional<LoanAnswer> read_answer_header(std::span<const std::byte> bytes) {
  if (bytes.size() != answer_header_bytes) return std::nullopt;
  std::uint64_t answer = 0;
  Reader(bytes).get(answer);
  if (answer > static_cast<std::uint64_t>(LoanAnswer::refused)) return std::nullopt;
  return static_cast<LoanAnswer>(answer);
}

}  // namespace dsrun
