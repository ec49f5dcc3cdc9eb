// Closing a worker: what was sent gets a grace to leave, then force, whether or not the peers still live.
//
// UCX ends the process where an endpoint goes in peace, or with its worker, while something that was sent over it waits
// for the other side: a peer that is silent gets force like one that has failed.
#include <algorithm>

#include "runtime/transport/ucx/ucx_inside.hpp"

namespace dsrun {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr auto time_to_part = std::chrono::milliseconds(100);  // for what needs no word of the other side

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

template <class Choose>
std::vector<ucs_status_ptr_t> close_endpoints(std::deque<UcxPeer>& peers, unsigned flags, Choose choose) {
  std::vector<ucs_status_ptr_t> requests;
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  param.flags = flags;
  for (auto& peer : peers) {
    if (peer.endpoint == nullptr || !choose(peer)) continue;
    const ucs_status_ptr_t request = ucp_ep_close_nbx(peer.endpoint, &param);
    peer.endpoint = nullptr;
    if (UCS_PTR_IS_PTR(request)) requests.push_back(request);
  }
  return requests;
}

// Over tcp whoever closes first breaks the other's flush: no harm where nothing was under way.
void note_flush(UcxPeer& peer, ucs_status_t status) {
  peer.is_flushed = status == UCS_OK;
  peer.failed |= status != UCS_OK && status != UCS_ERR_CANCELED;
}

// Flushes every endpoint that is left; whether each came through is then in its peer's `is_flushed`.
void flush_endpoints(ucp_worker_h worker, std::deque<UcxPeer>& peers, SteadyClock::time_point deadline) {
  std::vector<ucs_status_ptr_t> requests;
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  param.cb.send = [](void*, ucs_status_t status, void* peer) { note_flush(*static_cast<UcxPeer*>(peer), status); };
  for (auto& peer : peers) {
    if (peer.endpoint == nullptr) continue;
    param.user_data = &peer;
    const ucs_status_ptr_t request = ucp_ep_flush_nbx(peer.endpoint, &param);
    if (UCS_PTR_IS_PTR(request))
      requests.push_back(request);
    else
      note_flush(peer, UCS_PTR_STATUS(request));
  }
  drain(worker, requests, deadline);
  for (const auto request : requests) ucp_request_free(request);
}

}  // namespace

bool UcxInside::close(UcxWorker::Nanoseconds grace) {
  if (worker == nullptr) return true;
  closing = true;
  const auto deadline = SteadyClock::now() + grace;
  auto forced = close_endpoints(peers, UCP_EP_CLOSE_FLAG_FORCE, [](const UcxPeer& peer) { return peer.failed; });
  while (outgoing_under_way > 0 && SteadyClock::now() < deadline) ucp_worker_progress(worker);
  flush_endpoints(worker, peers, deadline);
  const auto is_silent = [](const UcxPeer& peer) {
    return peer.endpoint != nullptr && (!peer.is_flushed || peer.sends_under_way > 0);
  };
  const bool all_left =
      outgoing_under_way == 0 && num_lost == 0 && std::none_of(peers.begin(), peers.end(), [&](const UcxPeer& peer) {
        return is_silent(peer) && (!peer.failed || peer.sends_under_way > 0);
      });
  const auto silent = close_endpoints(peers, UCP_EP_CLOSE_FLAG_FORCE, is_silent);
  forced.insert(forced.end(), silent.begin(), silent.end());
  auto parting = close_endpoints(peers, 0, [](const UcxPeer&) { return true; });
  drain(worker, parting, SteadyClock::now() + time_to_part);
  drain(worker, forced, SteadyClock::now() + time_to_part);
  for (const auto request : parting) ucp_request_free(request);
  for (const auto request : forced) ucp_request_free(request);
  ucp_worker_destroy(worker);
  ucp_cleanup(context);
  worker = nullptr;
  kept.clear();
  return all_left;
}

}  // namespace dsrun
