// Closing a worker: what was sent gets a grace to leave, then force, whether or not the peers still live.
#include <algorithm>

#include "runtime/transport/ucx_inside.hpp"

namespace dsrun {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Progresses until the requests are through or the time is over; forgets those that are through.
void drain(ucp_worker_h worker, std::vector<ucs_status_ptr_t>& requests, SteadyClock::time_point deadline) {
  while (!requests.empty()) {
    ucp_worker_progress(worker);
    std::erase_if(requests, [](ucs_status_ptr_t request) {
      if (ucp_request_check_status(request) == UCS_INPROGRESS) return false;
      ucp_request_free(request);
      return true;
    });
    if (SteadyClock::now() >= deadline) return;
  }
}

std::vector<ucs_status_ptr_t> close_endpoints(std::deque<UcxPeer>& peers, bool failed_ones, unsigned flags) {
  std::vector<ucs_status_ptr_t> requests;
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  param.flags = flags;
  for (auto& peer : peers) {
    if (peer.endpoint == nullptr || peer.failed != failed_ones) continue;
    const ucs_status_ptr_t request = ucp_ep_close_nbx(peer.endpoint, &param);
    peer.endpoint = nullptr;
    if (UCS_PTR_IS_PTR(request)) requests.push_back(request);
  }
  return requests;
}

}  // namespace

bool UcxInside::close(UcxWorker::Nanoseconds grace) {
  if (worker == nullptr) return true;
  closing = true;
  const auto deadline = SteadyClock::now() + grace;
  auto forced = close_endpoints(peers, true, UCP_EP_CLOSE_FLAG_FORCE);
  while (outgoing_under_way > 0 && SteadyClock::now() < deadline) ucp_worker_progress(worker);
  bool all_left = outgoing_under_way == 0 && num_lost == 0;
  auto flushed = close_endpoints(peers, false, 0);
  drain(worker, flushed, deadline);
  all_left = all_left && flushed.empty();
  drain(worker, forced, SteadyClock::now() + std::chrono::milliseconds(100));
  for (const auto request : flushed) ucp_request_free(request);
  for (const auto request : forced) ucp_request_free(request);
  ucp_worker_destroy(worker);
  ucp_cleanup(context);
  worker = nullptr;
  kept.clear();
  return all_left;
}

}  // namespace dsrun
