// CAF instantiates some hundred functions for each type of message in every file that sends one. These macros
// instantiate them once, in the .cpp beside each protocol's header. Files that send messages then compile in half the
// time.
#pragma once

#include "actors/caf.hpp"

#define DSRUN_MESSAGE_CODE(HOW, T)                                             \
  HOW class caf::detail::tuple_vals_impl<caf::detail::message_data, dsrun::T>; \
  HOW class caf::detail::tuple_vals<dsrun::T>;                                 \
  HOW class caf::detail::tuple_vals_impl<caf::type_erased_tuple, dsrun::T>;

#define DSRUN_MADE_ELSEWHERE(T) DSRUN_MESSAGE_CODE(extern template, T)
#define DSRUN_MADE_HERE(T) DSRUN_MESSAGE_CODE(template, T)
