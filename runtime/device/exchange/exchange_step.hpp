// ExchangeStep: one step of an exchange, with the data that the functions below share; exchange.cpp chooses among them.
#pragma once

#include "models/transfer.hpp"
#include "runtime/device/device_context.hpp"
#include "runtime/device/exchange/exchange_layout.hpp"
#include "runtime/device/frame.hpp"
#include "runtime/device/inbox/inbox.hpp"

namespace dsrun {

// A message of rows [rows × D]. With dispatch, one gate for each pair follows them [1 × pairs].
struct RowMessage {
  TensorView rows;
  TensorView gates;  // null: the message has none
  RowMessage part(RowCount first, RowCount size) const;
};

struct ExchangeStep {
  ExchangeStep(DeviceContext& context, Inbox& inbox, Frame& frame, const OpStep& step);

  DeviceContext& context;
  Inbox& inbox;
  Frame& frame;
  const OpStep& step;
  const OpNode& node;
  Routing& routing;
  const ExpertRoutes& routes;
  const TransferBytes bytes;

  bool forward() const { return runs_forward(step.pass); }
  bool with_gates() const { return bytes.row > 0 && bytes.pair > 0; }
  const RowFunctions& row_functions() const { return context.backend.rows; }
  TensorView view(ValueId id) const;

  // Functions to send and receive messages within the group. Sending counts the rows that leave for other ranks.
  void send(Peer to, Buffer payload);
  void send_rows(Peer to, Buffer payload, std::int64_t num_rows);
  Buffer receive_any(Peer from);  // a message of exchange_counts; its reader checks it
  // Receives rows that the counts have announced. Throws MessageError if the message has another length.
  Buffer receive(Peer from, RowCount size);
  Buffer make(RowCount size);
  RowMessage open(const Buffer& buffer, RowCount size) const;

  // The size of the message on each way of `routes`; for an In, of all its origins together.
  RowCount size_of(const SendPlan& plan) const;
  RowCount size_of(const ReceivePlan& plan) const;
  RowCount size_of(const ExpertRoutes::In& in) const;
};

// exchange_counts announces who sends which rows, before the rows are sent.
void send_routing(ExchangeStep& step);
void relay_routing(ExchangeStep& step);
void receive_routing(ExchangeStep& step);

// The two movements of rows.
void start_scatter(ExchangeStep& step);
void relay_scatter(ExchangeStep& step);
void finish_scatter(ExchangeStep& step);
void start_gather(ExchangeStep& step);
void relay_gather(ExchangeStep& step);
void finish_gather(ExchangeStep& step);

}  // namespace dsrun
