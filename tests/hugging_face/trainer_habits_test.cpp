// What an imported model shows of its trainer, one habit at a time.
#include "models/arch/trainer_habits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dsrun {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ModelSpec model_with(int modules) {
  ModelSpec model;
  model.norm_eps = 1e-6;
  model.mtp_depth = modules;
  return model;
}

const std::vector<float> drifted = {0.3F, -0.1F, 0.05F, 0.2F}, centred = {0.3F, -0.1F, -0.2F, 0.0F}, zero(4);

TEST(TrainerHabits, a_model_of_our_own_habits_shows_none) {
  EXPECT_THAT(trainer_habits(model_with(0), {drifted, centred}), IsEmpty());
  EXPECT_THAT(trainer_habits(model_with(1), {drifted, drifted}), IsEmpty());
  EXPECT_THAT(trainer_habits(model_with(0), {}), IsEmpty());
}

TEST(TrainerHabits, names_the_latents_norms_of_another_eps) {
  ModelSpec model = model_with(0);
  model.norm_eps = 1e-5;
  EXPECT_THAT(trainer_habits(model, {drifted}), ElementsAre(HasSubstr("set model.latent_norm_eps = 1e-05")));
}

TEST(TrainerHabits, names_biases_that_never_moved) {
  EXPECT_THAT(trainer_habits(model_with(1), {zero, zero, zero}), ElementsAre(HasSubstr("balance.bias_speed = 0")));
}

TEST(TrainerHabits, names_biases_that_are_centred_and_modules_without) {
  EXPECT_THAT(trainer_habits(model_with(0), {centred, centred}), ElementsAre(HasSubstr("torchtitan centres them")));
  EXPECT_THAT(
      trainer_habits(model_with(1), {centred, zero}),
      ElementsAre(HasSubstr("torchtitan centres them"), HasSubstr("the biases of the prediction modules are 0")));
}

}  // namespace
}  // namespace dsrun
