#include "tests/simulation/disk/checkpoints.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "runtime/state/checkpoint/checkpoint.hpp"
#include "tests/simulation/disk/fiber.hpp"

namespace dsrun::test {
namespace {

constexpr const char* run_dir = "runs/job";

// What one rank saves at a step, in the `life`-th start of the job.
struct RankState {
  std::vector<float> master;
  std::vector<std::uint16_t> moment;

  RankState(std::int64_t step, int life, int rank) {
    Random random(static_cast<std::uint64_t>(step * 1000 + life * 10 + rank));
    for (std::int64_t left = 5 + rank; left > 0; --left) master.push_back(static_cast<float>(random.below(1000)));
    for (std::int64_t left = 9; left > 0; --left) moment.push_back(static_cast<std::uint16_t>(random.below(1000)));
  }
  std::vector<RangeToSave> ranges(int rank) const {
    const auto size = static_cast<std::int64_t>(master.size());
    return {{{"a/master", "f32", rank * 100, rank * 100 + size}, master.data(), master.size() * sizeof master[0]},
            {{"a/moment1", "bf16", rank * 9, rank * 9 + 9}, moment.data(), moment.size() * sizeof moment[0]}};
  }
};

class CheckpointSimulation {
 public:
  CheckpointSimulation(std::uint64_t seed, CheckpointMistake mistake)
      : random_(seed),
        disk_(random_.next()),
        files_(mistaken(disk_, mistake)),
        num_ranks_(static_cast<int>(random_.between(1, 3))) {
    disk_.make_folder("runs");
    disk_.sync_folder("/");
    disk_.make_folder(run_dir);
    disk_.before_each = [] { Fiber::pause(); };
  }

  std::string run() {
    const std::int64_t lives = random_.between(1, 4);
    for (life_ = 1; life_ <= lives; ++life_) {
      const bool honest = draw_faults();
      live();
      if (const std::string broken = look(honest); !broken.empty()) return fmt::format("life {}: {}", life_, broken);
      if (!honest) return "";  // what such a disk has lost is nobody's promise
      rewrites_ = sure_ && random_.chance(0.6);
      if (rewrites_) lose_a_file();
    }
    return "";
  }

 private:
  bool draw_faults() {
    DiskFaults faults;
    if (rewrites_ || random_.chance(0.6)) faults.power_lasts = random_.between(0, (rewrites_ ? 20 : 60) * num_ranks_);
    if (random_.chance(0.2)) faults.refuses = 0.02;
    if (random_.chance(0.3)) faults.refuses_reading = 0.1;
    if (random_.chance(0.3)) faults.writes_short = 0.5;
    if (random_.chance(0.2)) faults.room = random_.between(0, 6000 * num_ranks_);
    if (random_.chance(0.15)) faults.lies = random_.chance(0.5) ? 1.0 : 0.3;
    disk_.faults = faults;
    return faults.lies == 0;
  }

  // From the start of a job to its end, whatever that is.
  void live() {
    bool lost_power = false;
    try {
      const std::optional<Manifest> from = find_latest_checkpoint(run_dir, *files_);
      std::int64_t step = from ? from->step : 0;
      for (std::int64_t saves = random_.between(1, 4); saves > 0; --saves) save(++step);
    } catch (const StorageError&) {  // the job ends by it
    } catch (const PowerLoss&) {
      lost_power = true;
    }
    if (lost_power || random_.chance(0.3)) disk_.lose_power();
    disk_.faults = {};
  }

  void save(std::int64_t step) {
    std::vector<ShardFile> shards(static_cast<std::size_t>(num_ranks_));
    std::deque<Fiber> writers;
    for (int rank = 0; rank < num_ranks_; ++rank)
      writers.emplace_back([this, step, rank, &shards] {
        const RankState state(step, life_, rank);
        shards[static_cast<std::size_t>(rank)] = write_shard(run_dir, step, rank, state.ranges(rank), *files_);
      });
    std::vector<Fiber*> busy;
    for (Fiber& writer : writers) busy.push_back(&writer);
    while (!busy.empty()) {  // often one is held up for long, in the middle of something
      const auto next = busy.begin() + random_.below(static_cast<std::int64_t>(busy.size()));
      bool more = true;
      for (std::int64_t burst = random_.chance(0.5) ? random_.between(1, 6) : 40; burst > 0 && more; --burst)
        more = (*next)->resume();
      if (!more) busy.erase(next);
    }
    asked_for_[step].push_back(life_);
    commit_checkpoint(run_dir, {step, "{}", std::to_string(life_), shards}, 2, *files_);
    sure_ = step;
  }

  // What the job would find when it starts again, on a disk that has been repaired.
  std::string look(bool honest) {
    const std::optional<Manifest> offered = find_latest_checkpoint(run_dir, disk_);
    if (honest && sure_ && (!offered || offered->step < *sure_))
      return fmt::format("step {} was committed, and {} is offered", *sure_,
                         offered ? fmt::format("step {}", offered->step) : "nothing");
    if (!offered) return "";
    const int life = std::stoi(offered->state);
    const std::vector<int>& lives = asked_for_[offered->step];
    if (std::find(lives.begin(), lives.end(), life) == lives.end())
      return fmt::format("step {} is offered, which nobody committed", offered->step);
    try {
      return differs(*offered, life);
    } catch (const StorageError& error) {
      return honest ? fmt::format("step {} is offered and does not load: {}", offered->step, error.what()) : "";
    }
  }

  std::string differs(const Manifest& manifest, int life) {
    if (manifest.shards.size() != static_cast<std::size_t>(num_ranks_)) return "a shard is missing";
    for (int rank = 0; rank < num_ranks_; ++rank) {
      const RankState saved(manifest.step, life, rank);
      RankState loaded(0, 0, rank);
      const ShardReader reader(run_dir, manifest.step, manifest.shards[static_cast<std::size_t>(rank)], disk_);
      reader.read(0, loaded.master.data(), loaded.master.size() * sizeof loaded.master[0]);
      reader.read(1, loaded.moment.data(), loaded.moment.size() * sizeof loaded.moment[0]);
      if (loaded.master != saved.master || loaded.moment != saved.moment)
        return fmt::format("step {} loads as something else than was saved", manifest.step);
    }
    return "";
  }

  // Of the newest checkpoint: so the job goes back to the one before, and writes this step again.
  void lose_a_file() {
    const std::optional<Manifest> newest = find_latest_checkpoint(run_dir, disk_);
    const std::string folder = checkpoint_folder(run_dir, newest->step);
    disk_.lose_file(folder + "/" + newest->shards[static_cast<std::size_t>(random_.below(num_ranks_))].file);
    const std::optional<Manifest> older = find_latest_checkpoint(run_dir, disk_);
    sure_ = older ? std::optional(older->step) : std::nullopt;
  }

  Random random_;
  SimDisk disk_;
  std::unique_ptr<FileSystem> files_;
  int num_ranks_;
  int life_ = 0;
  bool rewrites_ = false;                               // in this life, a step that a checkpoint was lost of
  std::optional<std::int64_t> sure_;                    // the newest step whose commit returned
  std::map<std::int64_t, std::vector<int>> asked_for_;  // by step: the lives that wanted it committed
};

}  // namespace

std::string check_checkpoints(std::uint64_t seed, CheckpointMistake mistake) {
  return CheckpointSimulation(seed, mistake).run();
}

}  // namespace dsrun::test
