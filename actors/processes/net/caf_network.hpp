// The other file that includes CAF: its network and TLS modules, for control_plane.cpp.
#pragma once

#include <caf/io/all.hpp>
#include <caf/openssl/all.hpp>
