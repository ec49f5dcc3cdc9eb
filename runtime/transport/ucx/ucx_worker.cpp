// Context, worker, endpoints, waiting and closing; messages are in ucx_messages.cpp.
#include "runtime/transport/ucx/ucx_worker.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <ucs/debug/debug.h>

#include <algorithm>
#include <cassert>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "dsl/transports.hpp"
#include "runtime/transport/ucx/ucx_inside.hpp"

namespace dsrun {
namespace {

constexpr std::string_view address_magic = "dsu1";
constexpr const char* shm_folder = "/dev/shm";

// UCX takes the signals of crashes at load and may then wait at a prompt; they are not its business.
bool leave_signals_alone() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE}) {
    struct sigaction present {};
    if (sigaction(signal, nullptr, &present) == 0 && present.sa_handler != SIG_DFL) ucs_debug_disable_signal(signal);
  }
  return true;
}
[[maybe_unused]] const bool signals_left_alone = leave_signals_alone();

void check(ucs_status_t status, std::string_view what) {
  if (status != UCS_OK) throw TransportError(fmt::format("UCX cannot {}: {}", what, ucs_status_string(status)));
}

// Two processes with the same value share memory, as far as UCX knows: the kernel's boot and the namespace of IPC.
std::uint64_t host_id() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  struct stat ipc {};
  if (stat("/proc/self/ns/ipc", &ipc) != 0) ipc.st_ino = 0;
  return sip_hash(SipKey{ipc.st_ino, ipc.st_dev}, std::as_bytes(std::span(boot)));
}

bool any_of_names(const std::vector<std::string>& names, std::initializer_list<std::string_view> wanted) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return std::find(wanted.begin(), wanted.end(), name) != wanted.end();
  });
}

// What UCX would read from the environment by itself counts as asked for, since more than UCX depends on it.
UcxOptions with_environment(UcxOptions options) {
  const char* names = std::getenv("UCX_TLS");
  if (!options.transports.empty() || names == nullptr || std::string_view(names) == "all") return options;
  options.transports = words_of_list(names);
  return options;
}

// A full /dev/shm kills with SIGBUS at some later write: look before, and choose what does without.
UcxOptions fit_into_shm(UcxOptions options) {
  struct statvfs shm {};
  const bool known = statvfs(shm_folder, &shm) == 0;
  const std::uint64_t free = known ? std::uint64_t{shm.f_bavail} * shm.f_frsize : 0;
  if (free >= options.min_shm_bytes) return options;
  if (options.transports.empty()) options.without_shm = {"^posix"};
  if (!options.transports.empty() && !any_of_names(options.transports, {"all", "sm", "shm", "mm", "posix"}))
    return options;
  if (options.without_shm.empty())
    throw TransportError(fmt::format("{} has {} bytes free, less than {}: enlarge it or leave {} out of the transports",
                                     shm_folder, free, options.min_shm_bytes, fmt::join(options.transports, ",")));
  options.transports = options.without_shm;
  return options;
}

ucp_context_h make_context(const UcxOptions& options) {
  ucp_config_t* config = nullptr;
  check(ucp_config_read(nullptr, nullptr, &config), "read its configuration");
  const std::unique_ptr<ucp_config_t, void (*)(ucp_config_t*)> owner(config, ucp_config_release);
  const auto set = [&](const char* name, const std::string& value) {
    check(ucp_config_modify(config, name, value.c_str()), fmt::format("set {} to {}", name, value));
  };
  if (!options.interfaces.empty()) set("NET_DEVICES", fmt::format("{}", fmt::join(options.interfaces, ",")));
  if (!options.transports.empty()) set("TLS", fmt::format("{}", fmt::join(options.transports, ",")));
  // With its peer error handling UCX 1.13 sends by rendezvous over tcp in pieces of what the receiver takes in at once.
  if (may_use_tcp(options.transports) && std::getenv("UCX_TCP_RX_SEG_SIZE") == nullptr) set("RX_SEG_SIZE", "512k");

  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_NAME;
  params.features = UCP_FEATURE_TAG | UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
  params.name = "dsrun";
  ucp_context_h context = nullptr;
  check(ucp_init(&params, config, &context),
        fmt::format("start with transports '{}' on interfaces '{}'", fmt::join(options.transports, ","),
                    fmt::join(options.interfaces, ",")));
  return context;
}

void on_endpoint_error(void* argument, ucp_ep_h, ucs_status_t status) {
  auto& peer = *static_cast<UcxPeer*>(argument);
  peer.inside->fail(peer, ucs_status_string(status));
}

}  // namespace

UcxInside::UcxInside(UcxOptions given) : options(fit_into_shm(with_environment(std::move(given)))) {
  filter.keys = sip_keys(options.secret);
  filter.generation = options.generation;
  filter.rank = static_cast<std::uint32_t>(options.rank);
  filter.num_ranks = static_cast<std::uint32_t>(options.num_ranks);
  if (filter.rank >= filter.num_ranks)
    throw TransportError(fmt::format("rank {} of {} does not exist", options.rank, options.num_ranks));
  for (int rank = 0; rank < options.num_ranks; ++rank) {
    UcxPeer& peer = peers.emplace_back();
    peer.inside = this;
    peer.rank = rank;
  }
  context = make_context(options);
  ucp_worker_params_t params{};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  params.thread_mode = UCS_THREAD_MODE_SINGLE;
  try {
    check(ucp_worker_create(context, &params, &worker), "make a worker");
    check(ucp_worker_get_efd(worker, &event_fd), "get a descriptor to wait on");
    listen_for_messages(*this);
  } catch (...) {
    if (worker != nullptr) ucp_worker_destroy(worker);
    ucp_cleanup(context);
    throw;
  }
}

UcxInside::~UcxInside() { close(UcxWorker::Nanoseconds(0)); }

UcxPeer& UcxInside::peer(int rank) {
  assert(rank >= 0 && static_cast<std::size_t>(rank) < peers.size());
  return peers[static_cast<std::size_t>(rank)];
}

ucp_ep_h UcxInside::endpoint(UcxPeer& peer) {
  if (peer.endpoint != nullptr || peer.failed || worker == nullptr) return peer.failed ? nullptr : peer.endpoint;
  assert(!peer.address.empty());
  ucp_ep_params_t params{};
  params.field_mask =
      UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE | UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(peer.address.data());
  // UCX's shared memory knows no peer failures, and asking for them would exclude it.
  params.err_mode = shares_memory(peer) ? UCP_ERR_HANDLING_MODE_NONE : UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler = {on_endpoint_error, &peer};
  const ucs_status_t status = ucp_ep_create(worker, &params, &peer.endpoint);
  if (status != UCS_OK) {
    peer.endpoint = nullptr;
    fail(peer, fmt::format("cannot connect: {}", ucs_status_string(status)));
  }
  return peer.endpoint;
}

bool UcxInside::shares_memory(const UcxPeer& peer) const {
  return peer.same_host && may_share_memory(options.transports);
}

void UcxInside::fail(UcxPeer& peer, std::string_view reason) {
  if (peer.failed) return;
  peer.failed = true;
  peer.reason = reason;
  has_unreported = true;
}

void UcxInside::report_failures() {
  if (!has_unreported || closing) return;
  has_unreported = false;
  for (auto& peer : peers) {
    if (!peer.failed || peer.reported) continue;
    peer.reported = true;
    if (peer_failed) peer_failed(peer.rank, peer.reason);
  }
}

UcxWorker::UcxWorker(UcxOptions options) : inside_(std::make_unique<UcxInside>(std::move(options))) {}
UcxWorker::~UcxWorker() = default;

std::string UcxWorker::address() const {
  ucp_address_t* bytes = nullptr;
  std::size_t num_bytes = 0;
  check(ucp_worker_get_address(inside_->worker, &bytes, &num_bytes), "say its address");
  const std::uint64_t host = host_id();
  std::string address(address_magic);
  address.append(reinterpret_cast<const char*>(&host), sizeof host);
  address.append(reinterpret_cast<const char*>(bytes), num_bytes);
  ucp_worker_release_address(inside_->worker, bytes);
  return address;
}

void UcxWorker::set_peers(std::vector<std::string> addresses) {
  auto& peers = inside_->peers;
  if (!peers[0].address.empty()) throw TransportError("the peers are known already: a new set needs a new worker");
  if (addresses.size() != peers.size())
    throw TransportError(fmt::format("{} addresses for {} ranks", addresses.size(), peers.size()));
  const std::uint64_t own_host = host_id();
  constexpr std::size_t head = address_magic.size() + sizeof own_host;
  for (std::size_t rank = 0; rank < addresses.size(); ++rank) {
    const std::string& address = addresses[rank];
    if (address.size() <= head || !address.starts_with(address_magic))
      throw TransportError(fmt::format("what rank {} sent is no address of a UcxWorker", rank));
    std::uint64_t host;
    std::memcpy(&host, address.data() + address_magic.size(), sizeof host);
    peers[rank].address = address.substr(head);
    peers[rank].same_host = host == own_host;
  }
}

int UcxWorker::rank() const { return inside_->options.rank; }
int UcxWorker::num_ranks() const { return static_cast<int>(inside_->peers.size()); }
void UcxWorker::on_peer_failed(PeerFailed peer_failed) { inside_->peer_failed = std::move(peer_failed); }

bool UcxWorker::progress() {
  const bool did_something = ucp_worker_progress(inside_->worker) != 0;
  if (inside_->has_unreported) inside_->report_failures();
  return did_something;
}

bool UcxWorker::wait(Nanoseconds timeout) {
  const ucs_status_t status = ucp_worker_arm(inside_->worker);
  if (status == UCS_ERR_BUSY) return true;
  if (status != UCS_OK) timeout = std::min<Nanoseconds>(timeout, std::chrono::milliseconds(1));  // no event will come
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const timespec limit{seconds.count(), static_cast<long>((timeout - seconds).count())};
  pollfd descriptor{inside_->event_fd, POLLIN, 0};
  return ppoll(&descriptor, 1, &limit, nullptr) != 0;  // a signal counts as something to look at
}

void UcxWorker::wake() { ucp_worker_signal(inside_->worker); }

void UcxWorker::connect(int peer) { inside_->endpoint(inside_->peer(peer)); }

void UcxWorker::fail_peer(int peer, std::string_view reason) {
  inside_->fail(inside_->peer(peer), reason);
  inside_->report_failures();
}

bool UcxWorker::has_failed(int peer) const { return inside_->peer(peer).failed; }
bool UcxWorker::shares_memory(int peer) const { return inside_->shares_memory(inside_->peer(peer)); }
bool UcxWorker::close(Nanoseconds grace) { return inside_->close(grace); }
const std::array<std::int64_t, num_drops>& UcxWorker::drops() const { return inside_->drops; }
const TrafficCount& UcxWorker::traffic(int peer) const { return inside_->peer(peer).traffic; }
int UcxWorker::num_under_way() const { return inside_->outgoing_under_way + inside_->incoming_under_way; }

}  // namespace dsrun
