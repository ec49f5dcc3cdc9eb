// Active and tagged messages of UcxWorker.
#include <cassert>
#include <cstring>
#include <utility>

#include "runtime/transport/ucx/ucx_inside.hpp"

namespace dsrun {
namespace {

// Bytes of an active message's payload. UCX puts together in memory of its own what comes in several eager pieces.
constexpr std::size_t least_rendezvous = std::size_t{16} << 10;

ucs_status_t on_active_message(void* inside, const void* header, std::size_t header_bytes, void* data,
                               std::size_t num_bytes, const ucp_am_recv_param_t* param) {
  const std::span image(static_cast<const std::byte*>(header), header_bytes);
  return static_cast<UcxInside*>(inside)->receive_message(image, data, num_bytes, *param);
}

void on_message_sent(void* request, ucs_status_t status, void* message) {
  auto* outgoing = static_cast<OutgoingMessage*>(message);
  ucp_request_free(request);
  outgoing->inside->finish_outgoing(outgoing, status == UCS_OK);
}

void on_payload(void* request, ucs_status_t status, std::size_t, void* message) {
  std::unique_ptr<IncomingMessage> incoming(static_cast<IncomingMessage*>(message));
  ucp_request_free(request);
  UcxInside& inside = *incoming->inside;
  inside.finish_payload(std::move(incoming), status);
}

}  // namespace

void listen_for_messages(UcxInside& inside) {
  ucp_am_handler_param_t param{};
  param.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_FLAGS | UCP_AM_HANDLER_PARAM_FIELD_CB |
                     UCP_AM_HANDLER_PARAM_FIELD_ARG;
  param.id = message_id;
  param.flags = UCP_AM_FLAG_WHOLE_MSG;
  param.cb = on_active_message;
  param.arg = &inside;
  if (ucp_worker_set_am_recv_handler(inside.worker, &param) != UCS_OK)
    throw TransportError("UCX cannot take active messages");
}

ucs_status_t UcxInside::receive_message(std::span<const std::byte> image, void* data, std::size_t num_bytes,
                                        const ucp_am_recv_param_t& param) {
  Envelope envelope;
  std::span<const std::byte> header;
  if (const auto reason = read_envelope(filter, image, num_bytes, envelope, header)) {
    drop(*reason);
    return UCS_OK;
  }
  const int source = static_cast<int>(envelope.source);
  Buffer payload;
  try {
    if (allocate) payload = allocate(source, header, num_bytes);
    if (payload.size() != num_bytes) throw TransportError("no memory for what it sent");
  } catch (const std::exception& refusal) {
    drop(Drop::refused);
    fail(peer(source), refusal.what());
    return UCS_OK;
  }
  if ((param.recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) != 0) {
    receive_payload(source, header, std::move(payload), data);
    return UCS_INPROGRESS;
  }
  if (num_bytes > 0) std::memcpy(payload.data(), data, num_bytes);
  finish_incoming(source, header, std::move(payload));
  return UCS_OK;
}

// Rendezvous: the bytes are still with the sender, and the header goes when this returns.
void UcxInside::receive_payload(int source, std::span<const std::byte> header, Buffer payload, void* descriptor) {
  auto message = std::make_unique<IncomingMessage>();
  message->inside = this;
  message->source = source;
  message->header_bytes = header.size();
  std::copy(header.begin(), header.end(), message->header.begin());
  message->payload = std::move(payload);
  ++incoming_under_way;
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
  param.cb.recv_am = on_payload;
  IncomingMessage* const raw = message.release();
  param.user_data = raw;
  const auto request = ucp_am_recv_data_nbx(worker, descriptor, raw->payload.data(), raw->payload.size(), &param);
  if (UCS_PTR_IS_ERR(request)) finish_payload(std::unique_ptr<IncomingMessage>(raw), UCS_PTR_STATUS(request));
}

void UcxInside::finish_payload(std::unique_ptr<IncomingMessage> message, ucs_status_t status) {
  --incoming_under_way;
  if (status != UCS_OK) return fail(peer(message->source), ucs_status_string(status));
  finish_incoming(message->source, std::span(message->header.data(), message->header_bytes),
                  std::move(message->payload));
}

void UcxInside::finish_incoming(int source, std::span<const std::byte> header, Buffer payload) {
  TrafficCount& traffic = peer(source).traffic;
  ++traffic.messages_in;
  traffic.bytes_in += static_cast<std::int64_t>(payload.size());
  if (!closing && deliver) deliver(source, header, std::move(payload));
}

void UcxInside::finish_outgoing(OutgoingMessage* message, bool was_sent) {
  std::unique_ptr<OutgoingMessage> owner(message);
  --outgoing_under_way;
  --message->peer->sends_under_way;
  num_lost += was_sent ? 0 : 1;
  const UcxWorker::Sent sent = std::move(message->sent);
  message->payload = Buffer();
  message->sent = nullptr;
  spare_outgoing.push_back(std::move(owner));
  if (sent) sent(was_sent);
}

void UcxWorker::on_message(Allocate allocate, Deliver deliver) {
  inside_->allocate = std::move(allocate);
  inside_->deliver = std::move(deliver);
}

void UcxWorker::send(int rank, std::span<const std::byte> header, Buffer payload, Sent sent) {
  UcxPeer& peer = inside_->peer(rank);
  auto& spare = inside_->spare_outgoing;
  std::unique_ptr<OutgoingMessage> owner =
      spare.empty() ? std::make_unique<OutgoingMessage>() : std::move(spare.back());
  if (!spare.empty()) spare.pop_back();
  OutgoingMessage* const message = owner.release();
  message->inside = inside_.get();
  message->peer = &peer;
  message->payload = std::move(payload);
  message->sent = std::move(sent);
  ++inside_->outgoing_under_way;
  ++peer.sends_under_way;
  const ucp_ep_h endpoint = inside_->endpoint(peer);
  if (endpoint == nullptr) {
    inside_->finish_outgoing(message, false);
    inside_->report_failures();
    return;
  }
  const Envelope envelope{inside_->options.version, inside_->options.generation,
                          static_cast<std::uint32_t>(inside_->options.rank), static_cast<std::uint32_t>(rank),
                          message->payload.size()};
  const std::size_t image_bytes = write_envelope(inside_->filter.keys, envelope, header, message->image);
  ++peer.traffic.messages_out;
  peer.traffic.bytes_out += static_cast<std::int64_t>(message->payload.size());
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  if (message->payload.size() >= least_rendezvous) {
    param.op_attr_mask |= UCP_OP_ATTR_FIELD_FLAGS;
    param.flags = UCP_AM_SEND_FLAG_RNDV;
  }
  param.cb.send = on_message_sent;
  param.user_data = message;
  const auto request = ucp_am_send_nbx(endpoint, message_id, message->image.data(), image_bytes,
                                       message->payload.data(), message->payload.size(), &param);
  if (UCS_PTR_IS_PTR(request)) return;
  const ucs_status_t status = UCS_PTR_STATUS(request);
  if (status != UCS_OK) inside_->fail(peer, ucs_status_string(status));
  inside_->finish_outgoing(message, status == UCS_OK);
  inside_->report_failures();
}

std::uint64_t UcxWorker::tag(int source, int destination, std::uint32_t channel, std::uint64_t sequence) const {
  struct Name {
    std::uint32_t source, destination, generation, channel;
    std::uint64_t sequence;
  };
  static_assert(std::has_unique_object_representations_v<Name>);
  const Name name{static_cast<std::uint32_t>(source), static_cast<std::uint32_t>(destination),
                  inside_->options.generation, channel, sequence};
  return sip_hash(inside_->filter.keys[0], std::as_bytes(std::span(&name, 1)));
}

void UcxInside::finish(Transfer& transfer, ucs_status_t status) {
  transfer.request_ = nullptr;
  if (transfer.counted_by_ != nullptr) --*std::exchange(transfer.counted_by_, nullptr);
  transfer.state_ = status == UCS_OK ? Transfer::State::finished : Transfer::State::failed;
  if (status != UCS_OK) transfer.failure_ = ucs_status_string(status);
}

void UcxInside::start(Transfer& transfer, std::size_t num_bytes) {
  assert(transfer.is_done());
  transfer.state_ = Transfer::State::under_way;
  transfer.failure_ = {};
  transfer.num_bytes_ = num_bytes;
}

void UcxWorker::send(int rank, std::uint64_t tag, std::span<const std::byte> data, Transfer& transfer, bool early) {
  UcxPeer& peer = inside_->peer(rank);
  inside_->start(transfer, data.size());
  const ucp_ep_h endpoint = inside_->endpoint(peer);
  if (endpoint == nullptr) return UcxInside::finish(transfer, UCS_ERR_CONNECTION_RESET);
  transfer.counted_by_ = &++peer.sends_under_way;
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  if (early) param.op_attr_mask |= UCP_OP_ATTR_FLAG_FAST_CMPL;
  param.cb.send = [](void* request, ucs_status_t status, void* argument) {
    ucp_request_free(request);
    UcxInside::finish(*static_cast<Transfer*>(argument), status);
  };
  param.user_data = &transfer;
  const auto request = ucp_tag_send_nbx(endpoint, data.data(), data.size(), tag, &param);
  if (UCS_PTR_IS_PTR(request))
    transfer.request_ = request;
  else
    UcxInside::finish(transfer, UCS_PTR_STATUS(request));
}

void UcxWorker::receive(std::uint64_t tag, std::span<std::byte> data, Transfer& transfer) {
  inside_->start(transfer, data.size());
  ucp_request_param_t param{};
  // Where it completes at once UCX 1.13 does not always say the length: have the callback called in any case.
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
  param.cb.recv = [](void* request, ucs_status_t status, const ucp_tag_recv_info_t* received, void* argument) {
    ucp_request_free(request);
    auto& done = *static_cast<Transfer*>(argument);
    const bool is_short = status == UCS_OK && received->length != done.num_bytes_;
    UcxInside::finish(done, is_short ? UCS_ERR_MESSAGE_TRUNCATED : status);
  };
  param.user_data = &transfer;
  const auto request = ucp_tag_recv_nbx(inside_->worker, data.data(), data.size(), tag, ~std::uint64_t{0}, &param);
  if (UCS_PTR_IS_ERR(request)) return UcxInside::finish(transfer, UCS_PTR_STATUS(request));
  if (!transfer.is_done()) transfer.request_ = request;
}

void UcxWorker::keep(std::shared_ptr<const void> memory) { inside_->kept.push_back(std::move(memory)); }

void UcxWorker::cancel(Transfer& transfer) {
  if (inside_->worker != nullptr && !transfer.is_done() && transfer.request_ != nullptr)
    ucp_request_cancel(inside_->worker, transfer.request_);
}

}  // namespace dsrun
