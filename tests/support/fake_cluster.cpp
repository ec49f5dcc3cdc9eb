#include "tests/support/fake_cluster.hpp"

#include "runtime/device/meter/wire_span.hpp"

namespace dsrun::test {

FakeCluster::FakeCluster(const Job& job, std::shared_ptr<const TokenSource> corpus, FakeClusterOptions options)
    : options_(std::move(options)),
      plan_(std::make_shared<Plan>(options_.model ? make_plan(job, *options_.model) : make_plan(job))),
      loader_(std::make_shared<BatchLoader>(job, std::move(corpus))),
      scheduled_(static_cast<std::size_t>(plan_->mesh.size()), false),
      free_at_(static_cast<std::size_t>(plan_->mesh.size()), 0),
      random_(options_.seed) {
  for (int rank = 0; rank < plan_->mesh.size(); ++rank) {
    devices_.push_back(std::make_unique<DeviceCore>(plan_, rank, loader_, DeviceUse::training, clock_, Reach::process,
                                                    options_.backend));
    if (job.cluster.link.emulated()) ports_.emplace_back(job.cluster.link);
    if (options_.op_cost || options_.on_span)
      devices_.back()->observe([this, rank](const DeviceSpan& span) { hear(rank, span); });
  }
  coordinator_ = std::make_unique<CoordinatorCore>(membership_of(plan_), loader_, options_.start);
}

void FakeCluster::at(std::int64_t when, std::function<void()> happen) {
  events_.push({when, num_events_++, std::move(happen)});
}

std::int64_t FakeCluster::delay() {
  if (options_.random_delay_ns == 0) return options_.fixed_delay_ns;
  return options_.fixed_delay_ns + std::uniform_int_distribution<std::int64_t>(0, options_.random_delay_ns)(random_);
}

void FakeCluster::wake(int rank) {
  const auto index = static_cast<std::size_t>(rank);
  if (scheduled_[index]) return;
  scheduled_[index] = true;
  at(std::max(clock_.now_ns, free_at_[index]), [this, rank, index] {
    scheduled_[index] = false;
    pump(rank);
  });
}

void FakeCluster::pump(int rank) {
  DeviceCore& core = device(rank);
  cost_ns_ = options_.op_ns;
  if (core.pump()) {
    free_at_[static_cast<std::size_t>(rank)] = clock_.now_ns + cost_ns_;
    wake(rank);
  }
  deliver(rank);
}

// An op has run in no time of the core's clock; its span ends when its cost is over.
void FakeCluster::hear(int rank, DeviceSpan span) {
  using What = DeviceSpan::What;
  if (span.what == What::op || span.what == What::optimizer) {
    if (options_.op_cost) cost_ns_ = options_.op_cost(rank, span);
    span.end_ns = span.start_ns + cost_ns_;
  } else if (span.what == What::instruction) {
    span.end_ns += cost_ns_;
  }
  if (options_.on_span) options_.on_span(rank, span);
}

std::int64_t FakeCluster::arrival(int rank, Outgoing& outgoing, std::int64_t leaves) {
  if (ports_.empty()) return leaves;
  const auto num_bytes = static_cast<std::int64_t>(outgoing.message.payload.size());
  const Flight flight = ports_[static_cast<std::size_t>(rank)].send(
      leaves, num_bytes, !plan_->placement.same_node(rank, outgoing.destination));
  outgoing.message.arrives_ns = flight.arrival_ns;
  if (options_.on_span) options_.on_span(rank, wire_span(*plan_, outgoing, flight));
  return flight.arrival_ns;
}

void FakeCluster::deliver(int rank) {
  DeviceCore& core = device(rank);
  // What an op says leaves when the op is over.
  const std::int64_t leaves = std::max(clock_.now_ns, free_at_[static_cast<std::size_t>(rank)]);
  for (Outgoing& outgoing : core.take_outgoing()) {
    if (options_.loses && options_.loses(outgoing.destination, outgoing.message.tag)) continue;
    if (options_.on_message) options_.on_message(outgoing.destination, outgoing.message);
    const std::int64_t arrives = arrival(rank, outgoing, leaves);
    auto message = std::make_shared<TensorMessage>(std::move(outgoing.message));
    at(arrives + delay(), [this, destination = outgoing.destination, message] {
      device(destination).on_tensor(std::move(*message));
      wake(destination);
    });
  }
  if (auto result = core.take_result()) {
    if (options_.on_result) options_.on_result(*result);
    at(leaves + delay(), [this, result = *result] { broadcast(coordinator_->on_result(result)); });
  }
  if (auto done = core.take_done())
    at(leaves + delay(), [this, done = *done] { broadcast(coordinator_->on_done(done, clock_.now_ns)); });
}

void FakeCluster::broadcast(const std::vector<Order>& orders) {
  for (Progressed& progress : coordinator_->take_progress()) {
    if (auto* step = std::get_if<StepFinished>(&progress)) {
      run_.losses.push_back(step->metrics.loss);
      run_.steps.push_back(std::move(*step));
    } else if (auto* validation = std::get_if<ValidationFinished>(&progress)) {
      run_.validation_losses.push_back(validation->loss);
      run_.validation_mtp_losses.push_back(validation->mtp_loss);
    } else if (auto* finished = std::get_if<JobFinished>(&progress)) {
      run_.finished = *finished;
    }
  }
  for (const Order& order : orders)
    for (int rank = 0; rank < plan_->mesh.size(); ++rank)
      at(clock_.now_ns + delay(), [this, rank, order] {
        if (const auto* round = std::get_if<RoundOrder>(&order)) device(rank).on_round(*round);
        if (const auto* update = std::get_if<UpdateOrder>(&order)) device(rank).on_update(*update);
        if (const auto* save = std::get_if<SaveOrder>(&order)) save_shard(rank, save->step);
        wake(rank);
      });
}

void FakeCluster::save_shard(int rank, std::int64_t step) {
  broadcast(coordinator_->on_saved({rank, step, "{}"}));
  if (coordinator_->take_commit()) broadcast(coordinator_->on_committed(clock_.now_ns));
}

FakeRun FakeCluster::run() {
  for (int rank = 0; rank < plan_->mesh.size(); ++rank) broadcast(coordinator_->on_ready(rank, clock_.now_ns));
  while (!events_.empty()) {
    Event event = events_.top();
    events_.pop();
    clock_.now_ns = std::max(clock_.now_ns, event.at);
    event.happen();
  }
  run_.makespan_ns = clock_.now_ns;
  run_.hung = !coordinator_->finished();
  return run_;
}

Tensors FakeCluster::gather(Owned what) {
  Tensors tensors;
  for (auto& core : devices_) gather_owned(*core, what, tensors);
  return tensors;
}

Tensors FakeCluster::gather_weights() { return gather(Owned::weights); }
Tensors FakeCluster::gather_gradients() { return gather(Owned::gradients); }
Tensors FakeCluster::gather_averages() { return gather(Owned::averages); }

}  // namespace dsrun::test
