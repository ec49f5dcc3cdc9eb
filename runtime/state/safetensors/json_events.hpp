// Reads JSON of unknown origin event by event. It stores only what the reader asks for, and the first event that the
// reader does not expect ends it. A tree would take many times the size of the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace dsrun {

// A reader accepts an event by overriding its function. Events without an override are refused.
class JsonEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  // Reads a text that must be one JSON object and no more, and calls these functions with its events.
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
