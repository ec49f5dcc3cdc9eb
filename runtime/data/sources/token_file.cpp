#include "runtime/data/sources/token_file.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <limits>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "runtime/data/sources/token_file_format.hpp"
#include "runtime/state/checkpoint/files.hpp"

namespace dsrun {
namespace {

static_assert(std::endian::native == std::endian::little);

[[noreturn]] void fail(const std::string& path, std::string_view what) {
  throw DataError(fmt::format("{}: {}", path, what));
}
[[noreturn]] void fail_by_errno(const std::string& path) { fail(path, std::strerror(errno)); }

template <class Stored>
bool copy_checked(const std::uint8_t* stored, std::int64_t count, std::int32_t vocab_size, std::int32_t* tokens) {
  std::uint32_t largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    Stored token;
    std::memcpy(&token, stored + i * static_cast<std::int64_t>(sizeof token), sizeof token);
    largest = std::max<std::uint32_t>(largest, token);
    tokens[i] = static_cast<std::int32_t>(token);
  }
  return largest < static_cast<std::uint32_t>(vocab_size);
}

}  // namespace

TokenFile::TokenFile(MappedFile file) : file_(std::move(file)) {
  read_header();
  read_index();
}

bool TokenFile::begins(const MappedFile& file) {
  return file.text().starts_with(std::string_view(token_file_magic, sizeof token_file_magic));
}

void TokenFile::read_header() {
  const auto size = static_cast<std::uint64_t>(file_.size());
  TokenFileHeader header;
  if (size < sizeof header) fail(path(), "not a token file: shorter than its header");
  std::memcpy(&header, file_.data(), sizeof header);
  if (!begins(file_)) fail(path(), "not a token file");
  if (header.version != token_file_version)
    fail(path(), fmt::format("version {} of the format, this program reads {}", header.version, token_file_version));
  if (header.header_hash != hash_bytes(file_.data(), hashed_header_bytes)) fail(path(), "the header is damaged");
  if (header.vocab_size == 0 || header.vocab_size > std::numeric_limits<std::int32_t>::max())
    fail(path(), fmt::format("a vocabulary of {} tokens", header.vocab_size));
  if (header.end_token < -1 || header.end_token >= static_cast<std::int64_t>(header.vocab_size))
    fail(path(), fmt::format("its end token {} is not in the vocabulary", header.end_token));
  wide_ = header.vocab_size > largest_narrow_vocab;
  if (header.token_bytes != (wide_ ? 4 : 2))
    fail(path(), fmt::format("{} bytes a token, where the vocabulary wants {}", header.token_bytes, wide_ ? 4 : 2));
  const std::uint64_t rest = size - sizeof header;
  const bool possible = header.num_tokens <= rest / header.token_bytes && header.num_documents < rest / 8 &&
                        header.text_bytes <= std::numeric_limits<std::int64_t>::max();
  const std::uint64_t tokens_end = possible ? (header.num_tokens * header.token_bytes + 7) / 8 * 8 : 0;
  if (!possible || tokens_end + (header.num_documents + 1) * 8 != rest)
    fail(path(), fmt::format("{} bytes are not those of {} tokens in {} documents: cut short, or not finished", size,
                             header.num_tokens, header.num_documents));
  num_tokens_ = static_cast<std::int64_t>(header.num_tokens);
  text_bytes_ = static_cast<std::int64_t>(header.text_bytes);
  kind_ = {static_cast<std::int32_t>(header.vocab_size), static_cast<std::int32_t>(header.end_token),
           header.tokenizer_hash};
  index_ = {reinterpret_cast<const std::uint64_t*>(file_.data() + sizeof header + tokens_end),
            header.num_documents + 1};
  if (header.index_hash != hash_bytes(index_.data(), index_.size_bytes())) fail(path(), "the index is damaged");
}

void TokenFile::read_index() {
  if (index_.front() != 0 || index_.back() != static_cast<std::uint64_t>(num_tokens_) ||
      !std::is_sorted(index_.begin(), index_.end()))
    fail(path(), "the index does not go from the first token to the last");
}

TokenRange TokenFile::document(std::int64_t index) const {
  assert(index >= 0 && index < num_documents());
  const auto at = static_cast<std::size_t>(index);
  return {static_cast<std::int64_t>(index_[at]), static_cast<std::int64_t>(index_[at + 1])};
}

void TokenFile::copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const {
  assert(position >= 0 && count >= 0 && position <= num_tokens_ - count);
  const std::uint8_t* stored = file_.data() + sizeof(TokenFileHeader) + position * (wide_ ? 4 : 2);
  const bool good = wide_ ? copy_checked<std::uint32_t>(stored, count, kind_.vocab_size, tokens)
                          : copy_checked<std::uint16_t>(stored, count, kind_.vocab_size, tokens);
  if (!good)
    fail(path(),
         fmt::format("a token among {} from {} on is beyond the vocabulary of {}", count, position, kind_.vocab_size));
}

TokenFileWriter::TokenFileWriter(const std::string& path, const TokenFileKind& kind)
    : path_(path), part_(fmt::format("{}.{}.part", path, getpid())), kind_(kind) {
  if (kind.vocab_size <= 0) fail(path, fmt::format("a vocabulary of {} tokens", kind.vocab_size));
  file_ = open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file_ < 0) fail_by_errno(part_);
  buffer_.assign(sizeof(TokenFileHeader), '\0');
}

TokenFileWriter::~TokenFileWriter() {
  if (file_ < 0) return;
  close(file_);
  unlink(part_.c_str());
}

std::size_t TokenFileWriter::token_bytes() const {
  return kind_.vocab_size > static_cast<std::int32_t>(largest_narrow_vocab) ? 4 : 2;
}

void TokenFileWriter::flush() {
  for (std::size_t done = 0; done < buffer_.size();) {
    const ssize_t written = write(file_, buffer_.data() + done, buffer_.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail_by_errno(part_);
    done += static_cast<std::size_t>(written);
  }
  buffer_.clear();
}

void TokenFileWriter::add(std::span<const std::int32_t> tokens, std::uint64_t text_bytes) {
  constexpr std::size_t flush_at = 1 << 20;
  const std::size_t bytes = token_bytes(), first = buffer_.size();
  buffer_.resize(first + tokens.size() * bytes);
  char* to = buffer_.data() + first;
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= kind_.vocab_size)
      fail(path_, fmt::format("token {} is beyond the vocabulary of {}", token, kind_.vocab_size));
    std::memcpy(to, &token, bytes);
    to += bytes;
  }
  index_.push_back(index_.back() + tokens.size());
  text_bytes_ += text_bytes;
  if (buffer_.size() >= flush_at) flush();
}

void TokenFileWriter::finish() {
  buffer_.append((8 - index_.back() * token_bytes() % 8) % 8, '\0');
  const std::size_t index_bytes = index_.size() * sizeof index_[0];
  buffer_.append(reinterpret_cast<const char*>(index_.data()), index_bytes);
  flush();
  TokenFileHeader header{};
  std::memcpy(header.magic, token_file_magic, sizeof token_file_magic);
  header.version = token_file_version;
  header.token_bytes = static_cast<std::uint32_t>(token_bytes());
  header.vocab_size = static_cast<std::uint64_t>(kind_.vocab_size);
  header.num_tokens = index_.back();
  header.num_documents = index_.size() - 1;
  header.text_bytes = text_bytes_;
  header.end_token = kind_.end_token;
  header.tokenizer_hash = kind_.tokenizer_hash;
  header.index_hash = hash_bytes(index_.data(), index_bytes);
  header.header_hash = hash_bytes(&header, hashed_header_bytes);
  if (pwrite(file_, &header, sizeof header, 0) != ssize_t{sizeof header} || fsync(file_) != 0) fail_by_errno(part_);
  if (rename(part_.c_str(), path_.c_str()) != 0) fail_by_errno(path_);
  close(file_);
  file_ = -1;
  const std::size_t slash = path_.rfind('/');
  sync_folder(slash == std::string::npos ? "." : path_.substr(0, slash + 1));
}

}  // namespace dsrun
