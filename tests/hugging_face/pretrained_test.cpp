// Folders of models as transformers loads them: what no parameter takes is left out, what is missing is named.
#include "runtime/device/parameters/pretrained.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "runtime/state/safetensors/writer.hpp"
#include "tests/models/random_model.hpp"
#include "tests/runtime/temporary_folder.hpp"

namespace dsrun {
namespace {

using test::TemporaryFolder;
using test::write_text;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class PretrainedFolder : public testing::Test {
 protected:
  TemporaryFolder folder_;
  ModelSpec model_ = [] {
    test::Random random(5);
    ModelSpec model = test::random_model(random);
    model.layers = 3;
    model.dense_layers = 1;
    model.byte_vocab = false;
    model.routed_scaling = model.rope_theta = 2;
    return model;
  }();
  std::vector<SafetensorsShape> shapes_;

  PretrainedFolder() {
    const HuggingFaceTable table(build_graph(model_), model_);
    for (const HuggingFaceTensor& tensor : table.tensors())
      shapes_.push_back({tensor.name, SafetensorsDtype::f32, tensor.dims});
  }

  // Every value is its tensor's place in the list.
  void write() {
    write_text(folder_ / "config.json", write_hugging_face_config({model_, 64, {}, {}}, "float32"));
    write_safetensors_model(folder_.path(), shapes_, std::uint64_t{1} << 40, [&](std::size_t i, const PutBytes& put) {
      std::vector<std::byte> bytes(num_bytes(shapes_[i], ""));
      if (shapes_[i].dtype == SafetensorsDtype::f32) {
        const std::vector<float> values(bytes.size() / sizeof(float), static_cast<float>(i));
        std::memcpy(bytes.data(), values.data(), bytes.size());
      }
      put(bytes);
    });
  }
  std::string fault() {
    try {
      open_pretrained(folder_.path());
    } catch (const StorageError& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(PretrainedFolder, leaves_out_what_no_parameter_takes_whatever_its_type) {
  for (std::size_t i = 0; i < num_safetensors_dtypes; ++i)
    shapes_.push_back({fmt::format("buffer.{}", i), static_cast<SafetensorsDtype>(i), {2, 4}});
  write();
  const Pretrained pretrained = open_pretrained(folder_.path());
  EXPECT_EQ(pretrained.config.model, model_);
  EXPECT_THAT(pretrained.notes, ElementsAre(AllOf(HasSubstr("22 tensors are no part of the model here and left out"),
                                                  HasSubstr("\"buffer."))));
}

TEST_F(PretrainedFolder, names_the_first_few_that_are_missing) {
  std::erase_if(shapes_, [](const SafetensorsShape& shape) { return shape.name.find("o_proj") != std::string::npos; });
  write();
  EXPECT_THAT(fault(),
              AllOf(HasSubstr("3 tensors of config.json's model are missing"),
                    HasSubstr("\"model.layers.0.self_attn.o_proj.weight\""), Not(HasSubstr("layers.0.self_attn.q_"))));
}

TEST_F(PretrainedFolder, does_not_make_a_table_of_sizes_that_the_files_cannot_have) {
  write();
  ModelSpec huge = model_;
  huge.experts = 1'000'000;
  write_text(folder_ / "config.json", write_hugging_face_config({huge, 64, {}, {}}, "float32"));
  EXPECT_THAT(fault(), HasSubstr("the model of config.json has"));
}

// One tensor for all experts of a layer: expert by expert, the gate's rows before the up's.
TEST_F(PretrainedFolder, reads_experts_one_by_one_or_in_one_tensor) {
  std::erase_if(shapes_, [](const SafetensorsShape& shape) {
    return shape.name.starts_with("model.layers.2.mlp.experts.") && !shape.name.ends_with("down_proj.weight");
  });
  shapes_.push_back({"model.layers.2.mlp.experts.gate_up_proj",
                     SafetensorsDtype::f32,
                     {model_.experts, 2 * model_.expert_hidden, model_.hidden}});
  write();
  const Pretrained pretrained = open_pretrained(folder_.path());
  EXPECT_THAT(pretrained.notes, IsEmpty());
  EXPECT_EQ(pretrained.table.parts_of("model.layers.2.mlp.experts.gate_up_proj.weight").size(), 1U);
  EXPECT_EQ(pretrained.table.parts_of("model.layers.2.mlp.experts.down_proj.weight").size(),
            static_cast<std::size_t>(model_.experts));
  EXPECT_EQ(pretrained.table.parts_of("model.layers.1.mlp.experts.gate_up_proj.weight").size(),
            static_cast<std::size_t>(2 * model_.experts));
}

TEST_F(PretrainedFolder, takes_no_tensor_of_another_shape_for_all_experts) {
  shapes_.push_back({"model.layers.2.mlp.experts.down_proj",
                     SafetensorsDtype::f32,
                     {model_.experts, model_.hidden + 1, model_.expert_hidden}});
  write();
  EXPECT_THAT(open_pretrained(folder_.path()).notes,
              ElementsAre(HasSubstr("\"model.layers.2.mlp.experts.down_proj\"")));
}

}  // namespace
}  // namespace dsrun
