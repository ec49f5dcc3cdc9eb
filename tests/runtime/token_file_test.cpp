// Token files: what is written is read, and what is no token file, or no longer one, is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>

#include "runtime/data/sources/source.hpp"
#include "runtime/data/sources/token_file.hpp"
#include "runtime/data/sources/token_file_format.hpp"
#include "runtime/data/sources/token_stream.hpp"
#include "runtime/state/checkpoint/files.hpp"
#include "tests/runtime/temporary_folder.hpp"

namespace dsrun {
namespace {

using test::TemporaryFolder;
using test::write_text;
using testing::AllOf;
using testing::HasSubstr;
using Tokens = std::vector<std::int32_t>;

void write(const std::string& path, const std::vector<Tokens>& documents, TokenFileKind kind = {1000, 7, 42}) {
  TokenFileWriter writer(path, kind);
  for (const Tokens& document : documents) writer.add(document, 3 * document.size());
  writer.finish();
}

Tokens all_of(const TokenSource& source) {
  Tokens tokens(static_cast<std::size_t>(source.size()));
  source.copy(0, source.size(), tokens.data());
  return tokens;
}

Tokens count(std::int32_t first, std::size_t size) {
  Tokens tokens(size);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

TEST(TokenFile, reads_what_was_written_narrow_and_wide) {
  const TemporaryFolder folder;
  for (const std::int32_t vocab : {1000, 65536, 65537, 2'000'000'000}) {
    const std::vector<Tokens> documents = {{1, 2, 7}, {}, {vocab - 1, 7}, count(0, 900), {}};
    write(folder / "some.tokens", documents, {vocab, 7, 42});
    const TokenFile file(folder / "some.tokens");
    EXPECT_EQ(file.kind(), (TokenFileKind{vocab, 7, 42}));
    ASSERT_EQ(file.num_documents(), 5);
    EXPECT_EQ(file.num_tokens(), 905);
    EXPECT_EQ(file.text_bytes(), 3 * 905);
    for (std::size_t i = 0; i < documents.size(); ++i) {
      const TokenRange range = file.document(static_cast<std::int64_t>(i));
      Tokens tokens(static_cast<std::size_t>(range.size()));
      file.copy(range.begin, range.size(), tokens.data());
      EXPECT_EQ(tokens, documents[i]);
    }
  }
}

TEST(TokenFile, has_its_name_only_when_it_is_whole) {
  const TemporaryFolder folder;
  {
    TokenFileWriter writer(folder / "some.tokens", {1000, -1, 42});
    writer.add(count(0, 1000), 1);
    EXPECT_THROW(writer.add(Tokens{1000}, 1), DataError);
    EXPECT_THROW(writer.add(Tokens{-1}, 1), DataError);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_THROW(TokenFileWriter(folder / "missing/some.tokens", {1000, -1, 42}), DataError);
}

class BrokenTokenFile : public testing::Test {
 protected:
  BrokenTokenFile() { write(path_, {count(0, 11), count(5, 20)}); }

  // The file with something done to its bytes; then the header's hash, and the index's, made to fit if so wanted.
  std::string fault(const std::function<void(std::string&)>& change, bool rehash = true) const {
    std::ifstream in(path_, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    change(bytes);
    if (rehash && bytes.size() >= sizeof(TokenFileHeader)) {
      TokenFileHeader header;
      std::memcpy(&header, bytes.data(), sizeof header);
      header.header_hash = hash_bytes(&header, hashed_header_bytes);
      std::memcpy(bytes.data(), &header, sizeof header);
    }
    write_text(folder_ / "broken", bytes);
    try {
      const TokenFile file(folder_ / "broken");
      Tokens tokens(static_cast<std::size_t>(file.num_tokens()));
      file.copy(0, file.num_tokens(), tokens.data());
      return "";
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(folder_ / "broken"));
      return error.what();
    }
  }
  // A number of the header.
  template <class T>
  std::string fault_of(T TokenFileHeader::*member, T value) const {
    return fault([&](std::string& bytes) {
      TokenFileHeader header;
      std::memcpy(&header, bytes.data(), sizeof header);
      header.*member = value;
      std::memcpy(bytes.data(), &header, sizeof header);
    });
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "good";
};

TEST_F(BrokenTokenFile, is_refused_with_the_reason) {
  EXPECT_EQ(fault([](std::string&) {}), "");
  EXPECT_THAT(fault([](std::string& bytes) { bytes.resize(79); }), HasSubstr("shorter than its header"));
  EXPECT_THAT(fault([](std::string& bytes) { bytes[0] = 'x'; }), HasSubstr("not a token file"));
  EXPECT_THAT(fault([](std::string& bytes) { bytes[20] ^= 1; }, false), HasSubstr("header is damaged"));
  EXPECT_THAT(fault_of(&TokenFileHeader::version, std::uint32_t{2}), HasSubstr("version 2"));
  EXPECT_THAT(fault_of(&TokenFileHeader::vocab_size, std::uint64_t{0}), HasSubstr("a vocabulary of 0"));
  EXPECT_THAT(fault_of(&TokenFileHeader::vocab_size, std::uint64_t{1} << 31), HasSubstr("a vocabulary of"));
  EXPECT_THAT(fault_of(&TokenFileHeader::vocab_size, std::uint64_t{70000}), HasSubstr("2 bytes a token"));
  EXPECT_THAT(fault_of(&TokenFileHeader::end_token, std::int64_t{1000}), HasSubstr("end token 1000"));
  EXPECT_THAT(fault_of(&TokenFileHeader::vocab_size, std::uint64_t{20}), HasSubstr("beyond the vocabulary of 20"));
  EXPECT_THAT(fault([](std::string& bytes) { bytes.resize(bytes.size() - 8); }), HasSubstr("cut short"));
  EXPECT_THAT(fault([](std::string& bytes) { bytes += "more"; }), HasSubstr("31 tokens in 2 documents"));
  EXPECT_THAT(fault([](std::string& bytes) { bytes.back() ^= 1; }), HasSubstr("the index is damaged"));
}

// Sizes that overflow, or that would ask for more memory than there is.
TEST_F(BrokenTokenFile, is_refused_whatever_sizes_it_tells) {
  for (const std::uint64_t size : {std::uint64_t{60}, std::uint64_t{1} << 40, std::uint64_t{1} << 63, ~std::uint64_t{0},
                                   (std::uint64_t{1} << 63) + 31}) {
    EXPECT_THAT(fault_of(&TokenFileHeader::num_tokens, size), HasSubstr("cut short")) << size;
    EXPECT_THAT(fault_of(&TokenFileHeader::num_documents, size), HasSubstr("cut short")) << size;
  }
  EXPECT_THAT(fault_of(&TokenFileHeader::text_bytes, ~std::uint64_t{0}), HasSubstr("cut short"));
}

TEST_F(BrokenTokenFile, has_an_index_from_its_first_token_to_its_last) {
  for (const auto& [at, value] : {std::pair<int, std::uint64_t>{0, 1}, {1, 40}, {2, 30}, {2, ~std::uint64_t{0}}})
    EXPECT_THAT(fault([place = at, number = value](std::string& bytes) {
                  char* index = bytes.data() + bytes.size() - 3 * 8;
                  std::memcpy(index + 8 * place, &number, 8);
                  TokenFileHeader header;
                  std::memcpy(&header, bytes.data(), sizeof header);
                  header.index_hash = hash_bytes(index, 3 * 8);
                  std::memcpy(bytes.data(), &header, sizeof header);
                }),
                HasSubstr("from the first token to the last"));
}

TEST(TokenStream, joins_files_and_cuts_validation_off_between_documents) {
  const TemporaryFolder folder;
  write(folder / "a", {count(0, 10), {}, count(10, 30)});
  write(folder / "b", {});
  write(folder / "c", {count(40, 40), count(80, 20)});
  const auto open = [&](double validation) {
    return open_source({.files = {"*"}, .validation_fraction = validation}, folder.path(), 4, 1);
  };
  const auto stream = open(0);
  EXPECT_EQ(all_of(*stream), count(0, 100));
  EXPECT_EQ(stream->training_size(), 100);
  EXPECT_EQ(stream->vocab_size(), 1000);
  EXPECT_EQ(stream->end_token(), 7);
  EXPECT_EQ(stream->text_bytes(), 300);
  ASSERT_EQ(stream->num_documents(), 5);
  EXPECT_EQ(stream->document(3).begin, 40);
  EXPECT_EQ(stream->document(4).end, 100);
  Tokens across(30);
  stream->copy(25, 30, across.data());
  EXPECT_EQ(across, count(25, 30));
  EXPECT_EQ(open(0.1)->training_size(), 80);
  EXPECT_EQ(open(0.3)->training_size(), 40);
  EXPECT_EQ(open(0.85)->training_size(), 10);
}

TEST(TokenStream, of_one_document_is_cut_inside_it) {
  const TemporaryFolder folder;
  write(folder / "a", {count(0, 100)});
  EXPECT_EQ(open_source({.files = {"a"}, .validation_fraction = 0.2}, folder.path(), 4, 1)->training_size(), 80);
}

TEST(OpenSource, says_what_does_not_go_together) {
  const TemporaryFolder folder;
  write(folder / "a.tokens", {count(0, 100)});
  write(folder / "b.tokens", {count(0, 100)}, {1000, 7, 43});
  write_text(folder / "text", "a text, long enough");
  const auto fault = [&](DataSpec data) -> std::string {
    try {
      open_source(data, folder.path(), 4, 1);
      return "";
    } catch (const StorageError& error) {
      return error.what();
    }
  };
  EXPECT_THAT(fault({.files = {"*.tokens"}}), HasSubstr("not of one tokenizer"));
  EXPECT_THAT(fault({.files = {"a.tokens", "text"}}), HasSubstr("one kind belongs in a job"));
  EXPECT_THAT(fault({.files = {"text"}, .tokenizer = "t.json"}), HasSubstr("dsrun tokenize"));
  EXPECT_THAT(fault({.files = {"text"}, .fim_rate = 0.1}), HasSubstr("data.fim_rate"));
  EXPECT_THAT(fault({.files = {"a.tokens"}, .fim_rate = 0.1}), HasSubstr("data.fim_rate"));
  EXPECT_THAT(fault({.files = {"a.tokens"}, .tokenizer = "t.json"}), HasSubstr("t.json"));
  const std::string deepseek = DSRUN_SOURCE_DIR "/tests/fixtures/tokenizer/deepseek.json";
  EXPECT_THAT(fault({.files = {"a.tokens"}, .tokenizer = deepseek}), HasSubstr("did not make the token files"));
  const Tokenizer tokenizer = Tokenizer::load(deepseek);
  write(folder / "c.tokens", {count(0, 100)}, {tokenizer.vocab_size(), 7, tokenizer.hash()});
  DataSpec data = {.files = {"c.tokens"}, .tokenizer = deepseek};
  EXPECT_EQ(fault(data), "");
  data.fim_rate = 0.5;
  data.fim_tokens = {"<｜begin▁of▁sentence｜>", "<｜▁pad▁｜>", "nothing"};
  EXPECT_THAT(fault(data), HasSubstr("no token \"nothing\""));
  data.fim_tokens.pop_back();
  EXPECT_THAT(fault(data), HasSubstr("2 names"));
  data.fim_tokens.emplace_back("<｜end▁of▁sentence｜>");
  EXPECT_EQ(fault(data), "");
}

}  // namespace
}  // namespace dsrun
