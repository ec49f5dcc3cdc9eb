// Wake: what an actor sends itself with a delay, so that a timer of its core comes back as a message.
#pragma once

#include "actors/messages/instances.hpp"

namespace dsrun {

struct Wake {
  int timer = 0;   // the core's enumerator
  int number = 0;  // distinguishes several on their way
};

}  // namespace dsrun

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Wake)

DSRUN_MADE_ELSEWHERE(Wake)
