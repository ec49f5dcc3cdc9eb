#include "cluster/forecast/replay_end.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace dsrun {
namespace {

class Ending {
 public:
  Ending(std::vector<EndingRank>& ranks, const DeviceModel& model, const std::function<std::size_t(int)>& place_of)
      : ranks_(ranks), model_(model), times_(ranks.size()), groups_(ranks.size()) {
    for (std::size_t place = 0; place < ranks_.size(); ++place) {
      std::map<std::vector<std::size_t>, int> seen;
      for (const CostedBucket& bucket : ranks_[place].buckets) {
        std::set<std::size_t> places;
        for (const int rank : bucket.ranks) places.insert(place_of(rank));
        std::vector<std::size_t> members(places.begin(), places.end());
        const int which = seen[members]++;
        groups_[place].push_back({std::move(members), which});
      }
    }
  }

  double run() {
    reduce();
    double all_reduced = 0;
    for (const EndingRank& rank : ranks_) all_reduced = std::max(all_reduced, rank.result->reduced);
    update(all_reduced + model_.step_overhead_secs / 2);
    gather();
    double end = 0;
    for (const EndingRank& rank : ranks_) end = std::max(end, rank.result->end);
    end += model_.step_overhead_secs / 2;
    for (EndingRank& rank : ranks_) {
      const double busy = rank.result->work + rank.result->core_wait;
      double idle = 0;
      for (std::size_t cause = 0; cause + 1 < num_idle_causes; ++cause) idle += rank.result->idle[cause];
      rank.result->idle[static_cast<std::size_t>(Idle::synchronisation)] = std::max(0.0, end - busy - idle);
    }
    return end;
  }

 private:
  // The bucket of a rank as all its members name it: the places that hold it, and which of theirs it is. A rank that
  // stands for others stands for them in their groups, too.
  using Group = std::pair<std::vector<std::size_t>, int>;

  // When the bytes have left both ports and arrived.
  double send(EndingRank& rank, double from, double local, double network) {
    double at = from;
    const std::array<const Port*, 2> ports = {&model_.local, &model_.network};
    const std::array<double, 2> bytes = {local, network};
    for (std::size_t port = 0; port < 2; ++port) {
      if (bytes[port] <= 0) continue;
      at = std::max(at, ports[port]->send(from, bytes[port], rank.port_free[port]));
    }
    return at;
  }

  template <class Seconds>
  void wait_and_work(const std::vector<std::vector<double>>& arrivals, Seconds seconds, double ReplayedRank::*done) {
    for (std::size_t place = 0; place < ranks_.size(); ++place) {
      ReplayedRank& result = *ranks_[place].result;
      for (std::size_t b = 0; b < ranks_[place].buckets.size(); ++b) {
        const double work = seconds(ranks_[place].buckets[b]);
        times_[place] = std::max(times_[place], arrivals[place][b]) + work;
        result.work += work;
      }
      result.*done = times_[place];
    }
  }

  // By place and bucket: when the last member's have arrived.
  std::vector<std::vector<double>> latest(std::vector<std::vector<double>> arrivals) const {
    std::map<Group, double> most;
    for (std::size_t place = 0; place < ranks_.size(); ++place)
      for (std::size_t b = 0; b < arrivals[place].size(); ++b) {
        double& of_group = most[groups_[place][b]];
        of_group = std::max(of_group, arrivals[place][b]);
      }
    for (std::size_t place = 0; place < ranks_.size(); ++place)
      for (std::size_t b = 0; b < arrivals[place].size(); ++b) arrivals[place][b] = most.at(groups_[place][b]);
    return arrivals;
  }

  void reduce() {
    std::vector<std::vector<double>> sent(ranks_.size());
    for (std::size_t place = 0; place < ranks_.size(); ++place) {
      times_[place] = ranks_[place].result->program_end;
      for (const CostedBucket& bucket : ranks_[place].buckets)
        sent[place].push_back(send(ranks_[place], times_[place], bucket.reduce_local, bucket.reduce_network));
    }
    wait_and_work(
        latest(sent), [](const CostedBucket& bucket) { return bucket.sum_seconds; }, &ReplayedRank::reduced);
  }

  void update(double start) {
    sent_.assign(ranks_.size(), {});
    for (std::size_t place = 0; place < ranks_.size(); ++place) {
      EndingRank& rank = ranks_[place];
      double now = start;
      for (const CostedBucket& bucket : rank.buckets) {
        now += bucket.update_seconds;
        rank.result->work += bucket.update_seconds;
        sent_[place].push_back(send(rank, now, bucket.gather_local, bucket.gather_network));
      }
      times_[place] = rank.result->updated = now;
    }
  }

  void gather() {
    wait_and_work(
        latest(sent_), [](const CostedBucket& bucket) { return bucket.copy_seconds; }, &ReplayedRank::end);
  }

  std::vector<EndingRank>& ranks_;
  const DeviceModel& model_;
  std::vector<double> times_;               // by place: until when it works
  std::vector<std::vector<Group>> groups_;  // by place and bucket
  std::vector<std::vector<double>> sent_;   // weights, by place and bucket: when they arrive
};

}  // namespace

double end_step(std::vector<EndingRank>& ranks, const DeviceModel& model,
                const std::function<std::size_t(int)>& place_of) {
  return Ending(ranks, model, place_of).run();
}

}  // namespace dsrun
