// What stands in bytes: the keyed hash, the envelope and the tensor's header. No UCX.
#include <gtest/gtest.h>

#include <cstring>

#include "runtime/transport/wire/envelope.hpp"
#include "runtime/transport/wire/tensor_header.hpp"

namespace dsrun::test {
namespace {

std::vector<std::byte> counting(std::size_t count) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::byte>(i));
  return bytes;
}

TEST(KeyedHash, is_the_papers) {
  JobSecret secret;
  for (std::size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<std::byte>(i);
  const SipKey key = sip_keys(secret)[0];
  EXPECT_EQ(sip_hash(key, counting(15)), 0xa129ca6149be45e5u);  // appendix A of the paper
  EXPECT_NE(sip_hash(key, counting(16)), sip_hash(key, counting(17)));
  EXPECT_NE(sip_hash(key, {}), sip_hash(sip_keys(secret)[1], {}));
}

class EnvelopeTest : public testing::Test {
 protected:
  EnvelopeTest() {
    filter_.keys = {SipKey{1, 2}, SipKey{3, 4}};
    filter_.generation = 5;
    filter_.rank = 1;
    filter_.num_ranks = 3;
    envelope_.generation = 5;
    envelope_.source = 2;
    envelope_.destination = 1;
    envelope_.payload_bytes = 77;
  }
  std::optional<Drop> read(std::uint64_t payload_bytes = 77) {
    const std::size_t size = write_envelope(keys_, envelope_, header_, image_);
    return reread(size, payload_bytes);
  }
  std::optional<Drop> reread(std::size_t size, std::uint64_t payload_bytes = 77) {
    Envelope read;
    std::span<const std::byte> header;
    const auto drop = read_envelope(filter_, std::span(image_).first(size), payload_bytes, read, header);
    if (!drop) {
      EXPECT_EQ(read.source, envelope_.source);
      EXPECT_EQ(read.payload_bytes, envelope_.payload_bytes);
      EXPECT_TRUE(std::equal(header.begin(), header.end(), header_.begin(), header_.end()));
    }
    return drop;
  }
  EnvelopeFilter filter_;
  std::array<SipKey, 2> keys_ = {SipKey{1, 2}, SipKey{3, 4}};
  Envelope envelope_;
  std::vector<std::byte> header_ = counting(56);
  EnvelopeImage image_;
};

TEST_F(EnvelopeTest, lets_in_headers_of_any_length_allowed) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{56}, max_header_bytes}) {
    header_ = counting(size);
    EXPECT_EQ(read(), std::nullopt);
  }
}

TEST_F(EnvelopeTest, says_why_it_drops) {
  EXPECT_EQ(read(78), Drop::length);
  const auto with = [&](auto&& change) {
    const Envelope before = envelope_;
    change();
    const auto drop = read(envelope_.payload_bytes);
    envelope_ = before;
    return drop;
  };
  EXPECT_EQ(with([&] { ++envelope_.version; }), Drop::version);
  EXPECT_EQ(with([&] { ++envelope_.generation; }), Drop::generation);
  EXPECT_EQ(with([&] { envelope_.source = 3; }), Drop::address);
  EXPECT_EQ(with([&] { envelope_.destination = 0; }), Drop::address);
  for (const auto key : {&keys_[0].low, &keys_[0].high, &keys_[1].low, &keys_[1].high}) {
    ++*key;
    EXPECT_EQ(read(), Drop::proof);
    --*key;
  }
  EXPECT_EQ(read(), std::nullopt);
}

TEST_F(EnvelopeTest, no_byte_of_envelope_or_header_may_change) {
  const std::size_t size = write_envelope(keys_, envelope_, header_, image_);
  for (std::size_t i = 0; i < size; ++i) {
    image_[i] ^= std::byte{0x10};
    EXPECT_NE(reread(size), std::nullopt) << "byte " << i;
    image_[i] ^= std::byte{0x10};
  }
  for (std::size_t shorter = 0; shorter < size; ++shorter) EXPECT_NE(reread(shorter), std::nullopt) << shorter;
}

TensorHeader some_header() {
  TensorHeader header;
  header.destination = 3;
  header.tag =
      Tag{7, (std::uint64_t{1} << 40) + 5, Traffic::all_gather, 2, 1, 9, 1 << 20, Pass::recompute, Hop::second, 6};
  header.sent_ns = -5;
  header.arrives_ns = std::int64_t{1} << 60;
  return header;
}

TEST(TensorHeader, comes_back_as_it_was) {
  const auto bytes = write_tensor_header(some_header());
  EXPECT_EQ(read_tensor_header(bytes), some_header());
  EXPECT_EQ(bytes[0], std::byte{3});  // little endian
  EXPECT_EQ(bytes[8], std::byte{5});
  EXPECT_EQ(bytes[13], std::byte{1});
}

TEST(TensorHeader, tells_the_ports_of_a_stage_apart) {
  TensorHeader header = some_header();
  for (const Traffic traffic : {Traffic::activation, Traffic::gradient}) {
    header.tag.traffic = traffic;
    header.tag.port = 3;
    const auto bytes = write_tensor_header(header);
    EXPECT_EQ(bytes[19], std::byte{3});
    EXPECT_EQ(read_tensor_header(bytes), header);
  }
}

TEST(TensorHeader, refuses_what_does_not_exist) {
  const auto bytes = write_tensor_header(some_header());
  EXPECT_EQ(read_tensor_header(std::span(bytes).first(55)), std::nullopt);
  const auto with = [&](std::size_t at, unsigned value) {
    auto changed = bytes;
    changed[at] = static_cast<std::byte>(value);
    return read_tensor_header(changed);
  };
  EXPECT_EQ(with(16, 5), std::nullopt) << "traffic";
  EXPECT_EQ(with(17, 4), std::nullopt) << "pass";
  EXPECT_EQ(with(18, 3), std::nullopt) << "hop";
  EXPECT_EQ(with(19, 1), std::nullopt) << "only stages have ports";
  for (const std::size_t at : {3, 23, 27, 31, 35, 39}) EXPECT_EQ(with(at, 0x80), std::nullopt) << "negative at " << at;
  EXPECT_NE(with(16, 4), std::nullopt);
}

TEST(LoanHeader, comes_back_as_it_was) {
  LoanHeader loan;
  loan.tensor.tag.microbatch = 7;
  loan.tensor.tag.source = 3;
  loan.tensor.destination = 2;
  loan.source = {1234, 17, 0xfedcba9876543210u, std::uint64_t{1} << 40};
  loan.offset = (std::uint64_t{1} << 39) + 64;
  loan.num_bytes = 1 << 20;
  loan.number = 99;
  const auto bytes = write_loan_header(loan);
  EXPECT_EQ(read_loan_header(bytes), loan);
  EXPECT_FALSE(read_loan_header(std::span(bytes).first(103)));
  EXPECT_FALSE(read_tensor_header(bytes));
  auto odd = bytes;
  odd[16] = std::byte{200};  // a traffic that does not exist
  EXPECT_FALSE(read_loan_header(odd));
}

TEST(LoanAnswer, is_one_of_two) {
  for (const LoanAnswer answer : {LoanAnswer::returned, LoanAnswer::refused})
    EXPECT_EQ(read_answer_header(write_answer_header(answer)), answer);
  auto bytes = write_answer_header(LoanAnswer::refused);
  bytes[0] = std::byte{2};
  EXPECT_FALSE(read_answer_header(bytes));
  EXPECT_FALSE(read_answer_header(std::span(bytes).first(7)));
}

}  // namespace
}  // namespace dsrun::test
