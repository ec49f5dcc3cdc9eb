// SimDisk: a file system in memory that is full, refuses, lies and loses its power, as its faults say.
//
// What was not synced may be lost at a power loss, each change by itself: a file's content, and in a folder every name
// that was made, renamed or removed. A rename is seen whole or not at all.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/state/checkpoint/file_system.hpp"
#include "tests/simulation/random.hpp"

namespace dsrun::test {

// The machine stops in the middle of an operation. No std::exception: no program can catch it.
struct PowerLoss {};

struct DiskFaults {
  double refuses = 0;                    // chance of an operation to fail: EIO
  double refuses_reading = 0;            // … of one that only looks: EIO, or no descriptor is free
  double writes_short = 0;               // chance of a write to take a part
  double lies = 0;                       // chance of a sync to do nothing
  std::int64_t room = INT64_MAX;         // bytes; more does not fit
  std::int64_t power_lasts = INT64_MAX;  // operations until the power fails
};

class SimDisk : public FileSystem {
 public:
  explicit SimDisk(std::uint64_t seed);

  DiskFaults faults;
  std::function<void()> before_each;  // operation: whatever else happens meanwhile; may be empty
  // What comes back after the power does. Repairs all faults.
  void lose_power();
  // As somebody who removes a file by hand does, for good.
  void lose_file(const std::string& path);
  std::int64_t operations() const { return operations_; }

  std::unique_ptr<Output> create(const std::string& path) override;
  std::size_t read(const std::string& path, std::uint64_t offset, char* out, std::size_t size) override;
  std::optional<std::uint64_t> size_of(const std::string& path) override;
  std::vector<std::string> list(const std::string& folder) override;
  bool make_folder(const std::string& path) override;
  void sync_folder(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  bool remove(const std::string& path) override;

 private:
  struct Node;
  class SimOutput;
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  struct Change {                // of a folder's names, all of it at once
    std::string name, from;      // from: "" or the name that goes
    std::shared_ptr<Node> node;  // null: the name goes
  };
  struct Node {
    bool is_folder = false;
    std::string content, safe_content;
    Names names, safe_names;
    std::vector<Change> unsafe;  // names' changes since the last sync
  };
  static void apply(const Change& change, Names& names);
  void change(Node& folder, Change change);
  void begin(const std::string& path, double chance_to_fail);
  bool sync_works(const std::string& path);
  std::shared_ptr<Node> find(const std::string& path) const;  // null: nothing is there
  Node& folder_of(const std::string& path, std::string& name) const;
  std::size_t write(const std::string& path, Node& file, const char* data, std::size_t size);
  void lose_power(Node& node);
  std::string after_power_loss(const Node& file);
  std::int64_t used(const Node& node) const;

  Random random_;
  std::shared_ptr<Node> root_;
  std::int64_t operations_ = 0;
};

}  // namespace dsrun::test
