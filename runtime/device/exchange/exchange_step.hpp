// ExchangeStep: one step of an exchange, with what its parts share; exchange.cpp chooses among them.
#pragma once

#include "models/transfer.hpp"
#include "runtime/device/device_context.hpp"
#include "runtime/device/exchange/exchange_layout.hpp"
#include "runtime/device/frame.hpp"
#include "runtime/device/inbox/inbox.hpp"

namespace dsrun {

// A message of rows [rows × D], and with dispatch one gate a pair behind them [1 × pairs].
struct RowMessage {
  TensorView rows;
  TensorView gates;  // null without
  RowMessage part(RowCount first, RowCount size) const;
};

struct ExchangeStep {
  ExchangeStep(DeviceContext& context, Inbox& inbox, Frame& frame, const Step& step);

  DeviceContext& context;
  Inbox& inbox;
  Frame& frame;
  const Step& step;
  const Node& node;
  Routing& routing;
  const ExpertRoutes& routes;
  const TransferBytes bytes;

  bool forward() const { return runs_forward(step.pass); }
  bool with_gates() const { return bytes.row > 0 && bytes.pair > 0; }
  const RowFunctions& row_functions() const { return context.backend.rows; }
  TensorView view(ValueId id) const;

  // Messages of the members of the group. Sending counts rows that leave for other ranks.
  void send(Peer to, Buffer payload);
  void send_rows(Peer to, Buffer payload, std::int64_t num_rows);
  Buffer receive_any(Peer from);  // exchange_counts', whose reader checks it
  // Rows that the counts have announced. Throws MessageError if the message has another length.
  Buffer receive(Peer from, RowCount size);
  Buffer make(RowCount size);
  RowMessage open(const Buffer& buffer, RowCount size) const;

  // What goes with each way of `routes`: of an In, of all its origins together.
  RowCount size_of(const SendPlan& plan) const;
  RowCount size_of(const ReceivePlan& plan) const;
  RowCount size_of(const ExpertRoutes::In& in) const;
};

// exchange_counts: who sends which rows, announced ahead of them.
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
