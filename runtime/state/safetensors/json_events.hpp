// JSON of unknown origin, read event by event: nothing is stored that the reader did not ask for, and the first event
// that has no place ends it. A tree of the same text would take many times its size.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace dsrun {

// Overrides of a reader accept; what is not overridden is refused.
class JsonEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  // Feeds the events of a text that must be one JSON object and no more.
  void read(std::string_view text);

  bool null() override;
  bool boolean(bool value) override;
  bool number_integer(std::int64_t value) override;  // negative
  bool number_unsigned(std::uint64_t value) override;
  bool number_float(double value, const std::string& text) override;  // also integers beyond 64 bits
  bool string(std::string& value) override;
  bool binary(nlohmann::json::binary_t& value) override;
  bool start_array(std::size_t elements) override;
  bool end_array() override;
  bool parse_error(std::size_t position, const std::string& token, const nlohmann::json::exception& error) override;

 protected:
  explicit JsonEvents(const std::string& file) : file_(file) {}
  [[noreturn]] void refuse(const std::string& what) const;  // a SafetensorsError
  virtual std::string_view tensor_in_hand() const = 0;      // for messages; "" outside of one

 private:
  const std::string& file_;
};

}  // namespace dsrun
