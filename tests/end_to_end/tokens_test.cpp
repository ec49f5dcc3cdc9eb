// From texts of many scripts to a vocabulary, a token file, a model that is trained on it, and back to text, all by the
// command itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

#include "runtime/data/sources/token_file.hpp"
#include "runtime/tokenizer/tokenizer.hpp"
#include "tests/end_to_end/program.hpp"

namespace dsrun::test {
namespace {

using testing::HasSubstr;

class TokensOfTexts : public testing::Test {
 protected:
  TokensOfTexts() {
    std::ifstream rows(DSRUN_SOURCE_DIR "/tests/fixtures/tokenizer/texts.jsonl");
    std::string lines, fields;
    for (std::string row; std::getline(rows, row);) {
      texts_.push_back(nlohmann::json::parse(row)[0]);
      fields += nlohmann::json{{"text", texts_.back()}}.dump() + "\n";
    }
    folder_.write("texts.jsonl", fields);
  }

  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }
  Finished dsrun(std::vector<std::string> arguments) const {
    return Program(std::move(arguments), folder_.path()).wait();
  }
  void make_tokenizer(const std::string& vocab = "600") const {
    const Finished made = dsrun({"tokenizer", "train", "--vocab", vocab, "--out", at("tokenizer.json"), "--documents",
                                 "jsonl", at("texts.jsonl")});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  Finished tokenize(const std::string& out, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"tokenize",    "--tokenizer", at("tokenizer.json"), "--out", at(out),
                                          "--documents", "jsonl",       at("texts.jsonl")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return dsrun(arguments);
  }
  // The tiny job on the token file, on one mesh or another.
  Finished run(const std::string& run_dir, std::vector<std::string> more = {}) const {
    for (const char* each :
         {"data.files=[\"texts.tokens\"]", "data.tokenizer=tokenizer.json", "model.vocab=600", "data.packing=best_fit",
          "data.fim_rate=0.3", "precision.compute=fp64", "optimizer.final_lr=0.01"}) {
      more.insert(more.begin(), each);
      more.insert(more.begin(), "--set");
    }
    return folder_.run(run_dir, more);
  }
  std::vector<double> losses(const std::string& run_dir) const {
    std::vector<double> all;
    for (const nlohmann::json& record : read_json_lines(at(run_dir) + "/metrics.jsonl"))
      all.push_back(record.contains("loss") ? record["loss"] : record["val_loss"]);
    return all;
  }

  JobFolder folder_;
  std::vector<std::string> texts_;
};

const std::vector<std::string> one_device = {"--set", "parallel.pipeline=1",  "--set", "parallel.data=1",
                                             "--set", "parallel.expert=1",    "--set", "parallel.schedule=1f1b",
                                             "--set", "batch.microbatches=2", "--set", "cluster.node.0.devices=1"};

TEST_F(TokensOfTexts, make_a_vocabulary_that_is_told) {
  const Finished made =
      dsrun({"tokenizer", "train", "--vocab", "700", "--pre-tokenizer", "gpt2", "--special", "<a>", "--special", "<b>",
             "-o", "json", "--documents", "jsonl", "--out", at("tokenizer.json"), at("texts.jsonl")});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(made.err, "");
  const Tokenizer tokenizer = Tokenizer::load(at("tokenizer.json"));
  EXPECT_EQ(tokenizer.find_token("<b>"), 1);
  std::size_t bytes = 0, tokens = 0;
  for (const std::string& text : texts_) {
    bytes += text.size();
    tokens += tokenizer.encode(text, false).size();
  }
  const auto told = nlohmann::json::parse(made.out);
  EXPECT_EQ(told["vocab_size"], 700);
  EXPECT_EQ(told["text_bytes"], bytes);
  EXPECT_EQ(told["text_tokens"], tokens);
  // For people; and files that follow a special token are files.
  folder_.write("one.txt", "abab abab");
  folder_.write("two.txt", "cdcd cdcd");
  const Finished small = dsrun({"tokenizer", "train", "--vocab", "900", "--out", at("s.json"), "--special", "<a>",
                                at("one.txt"), at("two.txt")});
  ASSERT_EQ(small.exit_code, 0) << small.err;
  EXPECT_THAT(small.out, HasSubstr("s.json: 261 tokens, from 4 different words of 0.0 MB, 3.00 bytes per token; "));
  EXPECT_THAT(small.err, HasSubstr("fewer tokens than 900"));
  EXPECT_EQ(Tokenizer::load(at("s.json")).find_token(at("one.txt")), std::nullopt);
}

TEST_F(TokensOfTexts, are_what_the_tokenizer_makes_of_each_document_on_any_number_of_threads) {
  make_tokenizer();
  const Tokenizer tokenizer = Tokenizer::load(at("tokenizer.json"));
  ASSERT_EQ(tokenize("texts.tokens", {"--threads", "1"}).exit_code, 0);
  ASSERT_EQ(tokenize("three.tokens", {"--threads", "3"}).exit_code, 0);
  EXPECT_EQ(read_text(at("texts.tokens")), read_text(at("three.tokens")));
  const TokenFile file(at("texts.tokens"));
  EXPECT_EQ(file.kind().tokenizer_hash, tokenizer.hash());
  ASSERT_EQ(file.num_documents(), static_cast<std::int64_t>(texts_.size()));
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    std::vector<std::int32_t> expected = tokenizer.encode(texts_[i], false);
    expected.push_back(*tokenizer.end_token());
    const TokenRange range = file.document(static_cast<std::int64_t>(i));
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(range.size()));
    file.copy(range.begin, range.size(), tokens.data());
    ASSERT_EQ(tokens, expected) << texts_[i];
    bytes += static_cast<std::int64_t>(texts_[i].size());
  }
  EXPECT_EQ(file.text_bytes(), bytes);
}

TEST_F(TokensOfTexts, train_a_model_alike_on_every_mesh_and_after_a_stop) {
  make_tokenizer();
  ASSERT_EQ(tokenize("texts.tokens").exit_code, 0);
  const Finished mesh = run("mesh"), single = run("single", one_device);
  ASSERT_EQ(mesh.exit_code, 0) << mesh.err;
  ASSERT_EQ(single.exit_code, 0) << single.err;
  EXPECT_THAT(mesh.err, HasSubstr("nats per token"));
  const std::vector<double> on_mesh = losses("mesh"), on_one = losses("single");
  ASSERT_EQ(on_mesh.size(), on_one.size());
  for (std::size_t i = 0; i < on_mesh.size(); ++i) EXPECT_NEAR(on_mesh[i], on_one[i], 1e-9);
  EXPECT_LT(on_mesh.back(), on_mesh.front());
  // Three steps on one device, then three more on four.
  std::vector<std::string> begin = one_device;
  begin.insert(begin.end(), {"--set", "job.steps=3"});
  ASSERT_EQ(run("moved", begin).exit_code, 0);
  const Finished moved = run("moved", {"--resume"});
  ASSERT_EQ(moved.exit_code, 0) << moved.err;
  EXPECT_NEAR(losses("moved").back(), on_mesh.back(), 1e-9);
}

TEST_F(TokensOfTexts, give_a_model_that_reads_and_writes_text) {
  make_tokenizer();
  ASSERT_EQ(tokenize("texts.tokens").exit_code, 0);
  ASSERT_EQ(run("run").exit_code, 0);
  ASSERT_EQ(dsrun({"export", at("run"), at("exported"), "--dtype", "fp32"}).exit_code, 0);
  EXPECT_EQ(read_text(at("exported/tokenizer.json")), read_text(at("tokenizer.json")));
  std::string text;
  for (std::size_t i = 0; i < 60; ++i) text += texts_[i] + "\n";
  folder_.write("some.txt", text);
  nlohmann::json first;
  for (const char* model : {"run", "exported"}) {
    const Finished eval = dsrun({"eval", at(model), "--data", at("some.txt"), "-o", "json"});
    ASSERT_EQ(eval.exit_code, 0) << eval.err;
    const auto told = nlohmann::json::parse(eval.out);
    const auto tokens = Tokenizer::load(at("tokenizer.json")).encode(text, false);
    EXPECT_EQ(told["tokens"], tokens.size() - 1);
    const double bytes_per_token = static_cast<double>(text.size()) / static_cast<double>(tokens.size());
    EXPECT_NEAR(told["bits_per_byte"].get<double>(), told["loss"].get<double>() / std::log(2.0) / bytes_per_token,
                1e-9);
    if (first.is_null()) first = told;
    EXPECT_NEAR(told["loss"].get<double>(), first["loss"].get<double>(), 1e-5);
    const Finished generated = dsrun({"generate", at(model), "--prompt", "人人生而", "--tokens", "8"});
    EXPECT_EQ(generated.exit_code, 0) << generated.err;
    EXPECT_TRUE(generated.out.starts_with("人人生而"));
    EXPECT_EQ(dsrun({"eval", at(model), "--data", at("texts.tokens")}).exit_code, 0);
  }
}

// data.tokenizer is needed for text alone.
TEST_F(TokensOfTexts, train_and_try_a_model_without_a_tokenizer) {
  make_tokenizer();
  ASSERT_EQ(tokenize("texts.tokens").exit_code, 0);
  const Finished trained = folder_.run("run", {"--set", "data.files=[\"texts.tokens\"]", "--set", "model.vocab=600"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const Finished eval = dsrun({"eval", at("run"), "--data", at("texts.tokens"), "-o", "json"});
  ASSERT_EQ(eval.exit_code, 0) << eval.err;
  EXPECT_LT(nlohmann::json::parse(eval.out)["loss"], std::log(600.0));
  for (const std::vector<std::string>& text : {std::vector<std::string>{"eval", at("run"), "--data", at("words.txt")},
                                               {"generate", at("run"), "--prompt", "word"}}) {
    const Finished refused = dsrun(text);
    EXPECT_EQ(refused.exit_code, 74);
    EXPECT_THAT(refused.err, HasSubstr("600 tokens and no tokenizer.json: give one by --tokenizer"));
  }
  EXPECT_EQ(dsrun({"generate", at("run"), "--prompt", "word", "--tokens", "2", "--tokenizer", at("tokenizer.json")})
                .exit_code,
            0);
}

TEST_F(TokensOfTexts, train_an_imported_model_further) {
  make_tokenizer();
  ASSERT_EQ(tokenize("texts.tokens").exit_code, 0);
  ASSERT_EQ(run("run").exit_code, 0);
  ASSERT_EQ(dsrun({"export", at("run"), at("exported"), "--dtype", "fp32"}).exit_code, 0);
  const Finished import = dsrun({"import", at("exported")});
  ASSERT_EQ(import.exit_code, 0) << import.err;
  EXPECT_THAT(import.out, HasSubstr("tokenizer = \"" + at("exported/tokenizer.json")));
  folder_.write("imported.toml", import.out);
  const Finished further = dsrun({at("imported.toml"), "--set", "data.files=[\"texts.tokens\"]", "--set", "job.steps=1",
                                  "--set", "batch.length=16", "--run-dir", at("further")});
  ASSERT_EQ(further.exit_code, 0) << further.err;
  EXPECT_LT(losses("further").front(), losses("run").front());  // not from random weights
}

TEST_F(TokensOfTexts, are_refused_where_they_do_not_fit) {
  make_tokenizer();
  ASSERT_EQ(tokenize("texts.tokens").exit_code, 0);
  Finished refused = run("a", {"--set", "model.vocab=599"});
  EXPECT_EQ(refused.exit_code, 65);
  EXPECT_THAT(refused.err, HasSubstr("a vocabulary of 600, but model.vocab is 599"));
  refused = folder_.run("b", {"--set", "data.files=[\"texts.tokens\"]"});
  EXPECT_THAT(refused.err, HasSubstr("but model.vocab is \"byte\""));
  {
    std::fstream file(at("texts.tokens"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(3000);
    file.write("\xff\xff", 2);
  }
  refused = run("damaged");
  EXPECT_EQ(refused.exit_code, 65);
  EXPECT_THAT(refused.err, HasSubstr("beyond the vocabulary of 600"));
  std::filesystem::resize_file(at("texts.tokens"), std::filesystem::file_size(at("texts.tokens")) - 100);
  refused = run("c");
  EXPECT_EQ(refused.exit_code, 65);
  EXPECT_THAT(refused.err, HasSubstr("texts.tokens: "));
  EXPECT_THAT(refused.err, HasSubstr("cut short"));
  folder_.write("bad.jsonl", "{\"text\": \"good\"}\n{\"text\": 3}\n");
  std::vector<std::string> bad = {"tokenize",    "--tokenizer", at("tokenizer.json"), "--out",   at("bad.tokens"),
                                  "--documents", "jsonl",       at("bad.jsonl"),      "--strict"};
  refused = dsrun(bad);
  EXPECT_EQ(refused.exit_code, 65);
  EXPECT_THAT(refused.err, HasSubstr("bad.jsonl: line 2"));
  EXPECT_FALSE(std::filesystem::exists(at("bad.tokens")));
  bad.back() = "--output=json";
  const Finished skipped = dsrun(bad);
  EXPECT_EQ(skipped.exit_code, 0);
  EXPECT_THAT(skipped.err, HasSubstr("skipped once: the field \"text\" is no string, but number"));
  EXPECT_THAT(skipped.out, HasSubstr("\"skipped\": 1"));
  std::filesystem::remove(at("bad.tokens"));
  folder_.write("broken.json", read_text(at("tokenizer.json")).substr(0, 500));
  refused = dsrun({"tokenize", "--tokenizer", at("broken.json"), "--out", at("bad.tokens"), at("some")});
  EXPECT_EQ(refused.exit_code, 74);
  EXPECT_THAT(refused.err, HasSubstr("broken.json"));
  refused = tokenize("other.tokens", {"--end-token", "<none>"});
  EXPECT_EQ(refused.exit_code, 65);
  EXPECT_THAT(refused.err, HasSubstr("no token \"<none>\""));
  refused = dsrun({"tokenizer", "train", "--vocab", "260", "--out", at("t.json"), at("texts.jsonl")});
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_THAT(refused.err, HasSubstr("too small"));
  refused = dsrun({"tokenizer", "train", "--vocab", "300", "--out", at("t.json"), at("missing.txt")});
  EXPECT_EQ(refused.exit_code, 65);
  EXPECT_THAT(refused.err, HasSubstr("missing.txt"));
  EXPECT_FALSE(std::filesystem::exists(at("t.json")));
  refused = dsrun({"tokenizer", "train", "--vocab", "300", "--out", at("none/t.json"), at("texts.jsonl")});
  EXPECT_EQ(refused.exit_code, 74);
}

}  // namespace
}  // namespace dsrun::test
