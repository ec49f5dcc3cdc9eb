// The inside of UcxWorker, for its own source files alone.
#pragma once

#include <ucp/api/ucp.h>

#include <deque>

#include "runtime/transport/ucx/ucx_worker.hpp"

namespace dsrun {

struct UcxPeer {
  UcxInside* inside = nullptr;
  int rank = 0;
  std::string address;  // UCX's bytes
  bool same_host = false;
  bool failed = false;
  bool reported = false;
  std::string reason;
  ucp_ep_h endpoint = nullptr;
  int sends_under_way = 0;  // messages of both kinds that UCX has not finished
  bool is_flushed = false;  // at the close
  TrafficCount traffic;
};

// An active message on its way out. UCX may read it until it reports completion.
struct OutgoingMessage {
  UcxInside* inside;
  UcxPeer* peer;
  EnvelopeImage image;
  Buffer payload;
  UcxWorker::Sent sent;
};

// A payload that is arriving by rendezvous.
struct IncomingMessage {
  UcxInside* inside;
  int source;
  std::size_t header_bytes;
  std::array<std::byte, max_header_bytes> header;
  Buffer payload;
};

struct UcxInside {
  explicit UcxInside(UcxOptions options);
  ~UcxInside();

  UcxOptions options;
  EnvelopeFilter filter;
  ucp_context_h context = nullptr;
  ucp_worker_h worker = nullptr;
  int event_fd = -1;
  std::deque<UcxPeer> peers;  // stay in place: endpoints point to them
  UcxWorker::Allocate allocate;
  UcxWorker::Deliver deliver;
  UcxWorker::PeerFailed peer_failed;
  std::array<std::int64_t, num_drops> drops{};
  int outgoing_under_way = 0;
  int incoming_under_way = 0;
  std::int64_t num_lost = 0;  // active messages that could not be sent
  bool closing = false;
  std::vector<std::unique_ptr<OutgoingMessage>> spare_outgoing;
  bool has_unreported = false;
  std::vector<std::shared_ptr<const void>> kept;

  UcxPeer& peer(int rank);
  ucp_ep_h endpoint(UcxPeer& peer);  // null: failed
  bool shares_memory(const UcxPeer& peer) const;
  void fail(UcxPeer& peer, std::string_view reason);
  void report_failures();
  bool close(UcxWorker::Nanoseconds grace);

  ucs_status_t receive_message(std::span<const std::byte> image, void* data, std::size_t num_bytes,
                               const ucp_am_recv_param_t& param);
  void drop(Drop reason) { ++drops[static_cast<std::size_t>(reason)]; }
  void finish_outgoing(OutgoingMessage* message, bool sent);
  void receive_payload(int source, std::span<const std::byte> header, Buffer payload, void* descriptor);
  void finish_payload(std::unique_ptr<IncomingMessage> message, ucs_status_t status);
  void finish_incoming(int source, std::span<const std::byte> header, Buffer payload);
  static void finish(Transfer& transfer, ucs_status_t status);
  void start(Transfer& transfer, std::size_t num_bytes);
};

inline constexpr unsigned message_id = 1;  // of active messages

void listen_for_messages(UcxInside& inside);

// The lanes of an endpoint, in words, from what ucp_ep_print_info() prints.
std::string link_words(std::string_view endpoint_info);

}  // namespace dsrun
