// fuzz TARGET [--seconds N] [--seed S]: feeds a parser mutated inputs until the time is over. A parser may refuse,
// never crash, hang or read out of bounds: build it under ASan+UBSan. Prints the seed, so that a failure can be had
// again. To add a parser: a function that takes the bytes, and its row in `targets`.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "dsl/parse.hpp"
#include "models/arch/hugging_face.hpp"
#include "runtime/data/sources/token_file.hpp"
#include "runtime/data/sources/token_file_format.hpp"
#include "runtime/schedule/checker.hpp"
#include "runtime/schedule/program_file.hpp"
#include "runtime/schedule/schedule.hpp"
#include "runtime/state/checkpoint/checkpoint.hpp"
#include "runtime/state/checkpoint/files.hpp"
#include "runtime/state/safetensors/header.hpp"
#include "runtime/state/safetensors/index.hpp"
#include "runtime/tokenizer/error.hpp"
#include "runtime/tokenizer/tokenizer.hpp"
#include "runtime/tokenizer/train/train.hpp"

namespace dsrun::test {
namespace {

using Random = std::mt19937_64;

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void mutate(std::string& bytes, Random& random) {
  static const std::vector<std::string> words = {
      "[",   "]", "\"", "=", "0", "-1",   "9223372036854775807", "1e999", "nan", "\xff", "\xed\xa0\x80", "\n",
      "'''", "{", "}",  ",", ".", "F0.0 "};
  for (std::uint64_t turns = 1 + random() % 4; turns > 0; --turns) {
    const std::size_t at = bytes.empty() ? 0 : random() % bytes.size();
    switch (random() % 5) {
      case 0:
        bytes.insert(at, words[random() % words.size()]);
        break;
      case 1:
        bytes.erase(at, random() % 40);
        break;
      case 2:
        bytes.insert(at, bytes.substr(random() % (bytes.size() + 1), random() % 60));
        break;
      case 3:
        bytes.resize(at);
        break;
      default:
        if (!bytes.empty()) bytes[at] = static_cast<char>(random());
    }
  }
}

void job_file(const std::string& bytes) { parse_job_text(bytes, "fuzz.toml", {"job.steps=3"}); }

// Instructions that parse take the place of a rank's; the checker must say something of them.
void program_text(const std::string& bytes) {
  std::string error;
  const auto instructions = parse_instructions(bytes, error);
  if (!instructions || instructions->size() > 2000) return;
  Program program = find_schedule("dualpipe")->build({4, 8});
  program.ranks[1].instructions = *instructions;
  check_program(program);
}

void program_file(const std::string& bytes) {
  std::vector<TextFault> faults;
  const auto text = read_program(bytes, faults);
  if (text.has_value() != faults.empty()) std::abort();
  if (!text || bytes.size() > 20000) return;
  for (const ProgramFault& fault : check_program(text->program)) text->place_of(fault);
  if (read_program(write_program(text->program), faults)->program != text->program) std::abort();
}

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / fmt::format("dsrun-fuzz-{}", getpid())) {
    std::filesystem::create_directories(path_);
    const std::vector<float> values(64, 1.5F);
    const RangeToSave range{{"w/master", "f32", 0, 64}, values.data(), values.size() * sizeof(float)};
    const ShardFile shard = write_shard(path_, 7, 0, {range, range});
    commit_checkpoint(path_, {7, R"({"a":1})", R"({"b":2})", {shard}});
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_.string(); }
  std::string file(const char* name) const { return checkpoint_folder(path_.string(), 7) + "/" + name; }

 private:
  std::filesystem::path path_;
};

const Folder& folder() {
  static const Folder made;
  return made;
}

void manifest(const std::string& bytes) {
  std::ofstream(folder().file("manifest.json"), std::ios::binary) << bytes;
  find_latest_checkpoint(folder().path());
}

// As if the header's hash had been made to fit: the parser itself must hold.
void shard(const std::string& bytes) {
  std::ofstream(folder().file("rank-0000.shard"), std::ios::binary) << bytes;
  std::uint64_t length = 0;
  if (bytes.size() >= 16) std::memcpy(&length, bytes.data() + 8, 8);
  const std::string header = bytes.size() > 16 ? bytes.substr(16, length) : "";
  try {
    const ShardReader reader(folder().path(), 7,
                             {"rank-0000.shard", bytes.size(), hash_bytes(header.data(), header.size())});
    std::vector<char> out(bytes.size());
    for (std::size_t i = 0; i < reader.ranges().size(); ++i) reader.read(i, out.data(), 256);
  } catch (const StorageError&) {  // refused
  }
}

void parse_tensors(const std::string& bytes) {
  try {
    for (const SafetensorsTensor& tensor : parse_safetensors(std::as_bytes(std::span(bytes)), "fuzz.safetensors"))
      hash_bytes(tensor.bytes.data(), tensor.bytes.size());
  } catch (const SafetensorsError&) {  // refused
  }
}

// Once as it is, once as if the length were that of the header, so that its contents are reached.
void safetensors(const std::string& bytes) {
  parse_tensors(bytes);
  const std::size_t end = bytes.rfind('}');
  if (end == std::string::npos || end < 8) return;
  std::string fitted = bytes;
  const std::uint64_t length = end + 1 - 8;
  std::memcpy(fitted.data(), &length, sizeof length);
  parse_tensors(fitted);
}

std::string good_safetensors() {
  const std::vector<SafetensorsShape> shapes = {{"a.weight", SafetensorsDtype::f32, {3, 5}},
                                                {"b", SafetensorsDtype::bf16, {}},
                                                {"c.weight_scale_inv", SafetensorsDtype::f8_e4m3, {0, 7}},
                                                {"d", SafetensorsDtype::i64, {2, 1, 2}}};
  return make_safetensors_header(shapes, "fuzz.safetensors") + std::string(60 + 2 + 32, 'x');
}

void safetensors_index(const std::string& bytes) {
  try {
    parse_safetensors_index(bytes, "fuzz.json");
  } catch (const SafetensorsError&) {  // refused
  }
}

// What passes is written and must be read as the same.
void hf_config(const std::string& bytes) {
  const HuggingFaceConfigResult result = parse_hugging_face_config(bytes, "fuzz.json");
  render(result.faults);
  if (!result.config) return;
  const std::string text = write_hugging_face_config(*result.config, "bfloat16");
  if (parse_hugging_face_config(text, "fuzz.json").config != result.config) std::abort();
}

std::string good_hf_config() {
  HuggingFaceConfig config = *parse_hugging_face_config(R"({"model_type":"deepseek_v3"})", "fuzz.json").config;
  config.max_length *= 40;
  config.model.yarn.factor = 40;
  return write_hugging_face_config(config, "float32");
}

// A short tokenizer of the kind that is shipped.
std::string short_tokenizer() {
  BpeTrainer trainer({300, "deepseek-v3", {"<|end|>", "<|mask|>"}, 2});
  trainer.add("It's the words of the words, 12 and 123 and 1234: über, über");
  return trainer.train().tokenizer_json;
}

// The same with every part that a file can have, the parts before the long vocabulary.
std::string good_tokenizer() {
  auto json = nlohmann::ordered_json::parse(short_tokenizer());
  json["normalizer"] = {{"type", "NFC"}};
  for (const char* flag : {"lstrip", "rstrip", "single_word", "normalized"}) json["added_tokens"][1][flag] = true;
  json["pre_tokenizer"]["pretokenizers"][0] = {{"type", "Digits"}, {"individual_digits", false}};
  json["pre_tokenizer"]["pretokenizers"][1]["behavior"] = "MergedWithPrevious";
  json["post_processor"] = nlohmann::ordered_json::parse(R"({"type":"TemplateProcessing",
    "single":[{"SpecialToken":{"id":"<|end|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
    "pair":[],"special_tokens":{"<|end|>":{"id":"<|end|>","ids":[0],"tokens":["<|end|>"]}}})");
  return json.dump();
}

// The keys of its values, few of them those of the vocabulary.
std::vector<std::string> keys_to_exchange(const nlohmann::json& values) {
  std::vector<std::string> keys;
  std::size_t at = 0;
  for (const auto& [key, value] : values.items())
    if (at++ % 64 == 0 || !(key.starts_with("/model/vocab/") || key.starts_with("/model/merges/"))) keys.push_back(key);
  return keys;
}

// The same with values exchanged: few files with other bytes are still JSON.
std::string exchange_values(Random& random) {
  static const nlohmann::json good = nlohmann::json::parse(good_tokenizer()).flatten();
  static const std::vector<std::string> keys = keys_to_exchange(good);
  static const nlohmann::json others = {nullptr, true, -1, 0, 1e300, 2147483647, 9223372036854775807, "", "(a*)*b"};
  nlohmann::json values = good;
  for (std::uint64_t turns = 1 + random() % 3; turns > 0; --turns) {
    nlohmann::json& value = values[keys[random() % keys.size()]];
    const nlohmann::json& other = good[keys[random() % keys.size()]];
    if (value.is_boolean()) {
      value = !value.get<bool>();
    } else if (value.is_string() && random() % 2 == 0) {
      mutate(value.get_ref<std::string&>(), random);
    } else {
      value = other.type() == value.type() ? other : others[random() % others.size()];
    }
  }
  return values.unflatten().dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore);
}

void load_and_encode(const std::string& bytes) {
  static const std::string text = "It's 12345 words, u\u0308ber 你好\xff <|end|> <|mask|> \n\n  done";
  try {
    const Tokenizer loaded = Tokenizer::parse(bytes, "fuzz.json");
    loaded.decode(loaded.encode(text, true));
  } catch (const TokenizerError&) {  // refused
  }
}

// What loads must read any text. Any bytes, as a text, must come back from a tokenizer without normalizer.
void tokenizer(const std::string& bytes) {
  static const Tokenizer lossless = Tokenizer::parse(short_tokenizer(), "short.json");
  const std::string_view text = std::string_view(bytes).substr(0, 2000);
  if (lossless.decode_bytes(lossless.encode(text, false)) != text) std::abort();
  load_and_encode(bytes);
  Random random(hash_bytes(bytes.data(), bytes.size()));
  load_and_encode(exchange_values(random));
}

void read_token_file(const std::string& bytes) {
  std::ofstream(folder().path() + "/fuzz.tokens", std::ios::binary) << bytes;
  try {
    const TokenFile file(folder().path() + "/fuzz.tokens");
    std::vector<std::int32_t> tokens;
    for (std::int64_t i = 0; i < file.num_documents(); ++i) {
      const TokenRange range = file.document(i);
      tokens.resize(static_cast<std::size_t>(range.size()));
      file.copy(range.begin, range.size(), tokens.data());
    }
  } catch (const DataError&) {  // refused
  }
}

// Once as it is, once with hashes that fit, so that what lies behind them is reached.
void token_file(const std::string& bytes) {
  read_token_file(bytes);
  if (bytes.size() < sizeof(TokenFileHeader)) return;
  std::string fitted = bytes;
  TokenFileHeader header;
  std::memcpy(&header, fitted.data(), sizeof header);
  const std::size_t index = 8 * std::min(header.num_documents + 1, std::uint64_t{1} << 20);
  if (index <= fitted.size()) header.index_hash = hash_bytes(fitted.data() + fitted.size() - index, index);
  header.header_hash = hash_bytes(&header, hashed_header_bytes);
  std::memcpy(fitted.data(), &header, sizeof header);
  read_token_file(fitted);
}

std::string good_token_file() {
  const std::string path = folder().path() + "/good.tokens";
  TokenFileWriter writer(path, {300, 0, 1});
  for (const std::vector<std::int32_t>& document : {std::vector<std::int32_t>{1, 2, 299, 0}, {}, {7, 0}})
    writer.add(document, 9);
  writer.finish();
  return read(path);
}

// The input being fed, kept where a crash can still write it down.
std::string* input = nullptr;
void keep_input(int signal) {
  std::FILE* file = std::fopen("fuzz.input", "wb");
  if (file != nullptr && input != nullptr) std::fwrite(input->data(), 1, input->size(), file);
  if (file != nullptr) std::fclose(file);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

struct Target {
  std::string name;
  std::function<void(const std::string&)> feed;
  std::function<std::string()> seed;
};

std::vector<Target> targets() {
  return {{"job_file", job_file, [] { return read(DSRUN_SOURCE_DIR "/examples/quickstart.toml"); }},
          {"program_text", program_text,
           [] {
             const Program program = find_schedule("dualpipe")->build({4, 8});
             std::string text;
             for (const Instruction& each : program.ranks[1].instructions) text += to_string(each) + " ";
             return text;
           }},
          {"program_file", program_file,
           [] {
             return write_program(find_schedule("dualpipe")->build({4, 8}));
           }},
          {"manifest", manifest, [] { return read(folder().file("manifest.json")); }},
          {"shard", shard, [] { return read(folder().file("rank-0000.shard")); }},
          {"safetensors", safetensors, good_safetensors},
          {"safetensors_index", safetensors_index,
           [] { return R"({"metadata":{"total_size":94},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})"; }},
          {"hf_config", hf_config, good_hf_config},
          {"tokenizer", tokenizer, good_tokenizer},
          {"token_file", token_file, good_token_file}};
}

int run(const std::string& name, double seconds, std::uint64_t seed) {
  for (const Target& target : targets()) {
    if (target.name != name) continue;
    fmt::print("{}: seed {}\n", name, seed);
    std::fflush(stdout);
    std::signal(SIGABRT, keep_input);
    Random random(seed);
    const std::string good = target.seed();
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    std::uint64_t inputs = 0;
    for (; std::chrono::steady_clock::now() < end; ++inputs) {
      std::string bytes = good;
      mutate(bytes, random);
      input = &bytes;
      target.feed(bytes);
    }
    fmt::print("{}: {} inputs\n", name, inputs);
    return inputs > 0 ? 0 : 1;
  }
  fmt::print(stderr, "fuzz: no target {}\n", name);
  return 64;
}

}  // namespace
}  // namespace dsrun::test

int main(int argc, char** argv) {
  double seconds = 10;
  std::uint64_t seed = 1;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (std::string(argv[i]) == "--seconds") seconds = std::atof(argv[i + 1]);
    if (std::string(argv[i]) == "--seed") seed = std::strtoull(argv[i + 1], nullptr, 10);
  }
  return dsrun::test::run(argc > 1 ? argv[1] : "", seconds, seed);
}
