#include "models/op_table.hpp"

namespace dsrun {

std::string_view op_name(Op op) { return op_row(op).name; }

}  // namespace dsrun
