// Quantities as reports print them: three figures and a unit that fits.
#pragma once

#include <string>

namespace dsrun {

std::string time_text(double seconds);                 // "1.24 s", "310 ms", "4.5 µs"
std::string tick_text(double seconds, double whole);   // of an axis up to `whole`, in its unit: "1.5 s", "200 ms"
std::string size_text(double num_bytes);               // "3.42 GiB", "512 B"
std::string count_text(double count);                  // "671 G", "12.5 k"
std::string percent_text(double share);                // "12.3 %"
std::string change_text(double before, double after);  // "−12 %", "+3.4 %", "×3.1"; "" from or to nothing

}  // namespace dsrun
