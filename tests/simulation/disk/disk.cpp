#include "tests/simulation/disk/disk.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace dsrun::test {
namespace {

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts(1);
  for (const char c : path)
    if (c != '/')
      parts.back() += c;
    else if (!parts.back().empty())
      parts.emplace_back();
  if (parts.back().empty() || parts.back() == ".") parts.pop_back();
  return parts;
}

[[noreturn]] void no_such_file(const std::string& path) { throw FileError(path + ": No such file or directory"); }

}  // namespace

class SimDisk::SimOutput : public FileSystem::Output {
 public:
  SimOutput(SimDisk& disk, std::string path, std::shared_ptr<Node> node)
      : disk_(disk), path_(std::move(path)), node_(std::move(node)) {}
  std::size_t write(const char* data, std::size_t size) override { return disk_.write(path_, *node_, data, size); }
  void sync() override {
    if (disk_.sync_works(path_)) node_->safe_content = node_->content;
  }

 private:
  SimDisk& disk_;
  std::string path_;
  std::shared_ptr<Node> node_;
};

SimDisk::SimDisk(std::uint64_t seed) : random_(seed), root_(std::make_shared<Node>()) { root_->is_folder = true; }

// Counts an operation, which may fail, or be the one during which the power fails.
void SimDisk::begin(const std::string& path, double chance_to_fail) {
  if (before_each) before_each();
  ++operations_;
  if (--faults.power_lasts < 0) throw PowerLoss{};
  if (chance_to_fail > 0 && random_.chance(chance_to_fail)) throw FileError(path + ": Input/output error");
}

std::shared_ptr<SimDisk::Node> SimDisk::find(const std::string& path) const {
  std::shared_ptr<Node> node = root_;
  for (const std::string& part : parts_of(path)) {
    const auto next = node->names.find(part);
    if (next == node->names.end()) return nullptr;
    node = next->second;
  }
  return node;
}

SimDisk::Node& SimDisk::folder_of(const std::string& path, std::string& name) const {
  const std::size_t slash = path.rfind('/');
  name = path.substr(slash + 1);
  const std::shared_ptr<Node> folder = slash == std::string::npos ? root_ : find(path.substr(0, slash));
  if (!folder || !folder->is_folder) no_such_file(path);
  return *folder;
}

void SimDisk::apply(const Change& change, Names& names) {
  if (!change.from.empty()) names.erase(change.from);
  if (change.node)
    names[change.name] = change.node;
  else
    names.erase(change.name);
}

void SimDisk::change(Node& folder, Change change) {
  apply(change, folder.names);
  folder.unsafe.push_back(std::move(change));
}

std::unique_ptr<FileSystem::Output> SimDisk::create(const std::string& path) {
  begin(path, faults.refuses);
  std::string name;
  Node& folder = folder_of(path, name);
  std::shared_ptr<Node> node = find(path);
  if (node) {
    node->content.clear();
  } else {
    node = std::make_shared<Node>();
    change(folder, {name, "", node});
  }
  return std::make_unique<SimOutput>(*this, path, node);
}

std::size_t SimDisk::write(const std::string& path, Node& file, const char* data, std::size_t size) {
  begin(path, faults.refuses);
  if (faults.room != INT64_MAX) {
    const std::int64_t room = faults.room - used(*root_);
    if (room <= 0) throw FileError(path + ": No space left on device");
    size = std::min(size, static_cast<std::size_t>(room));
  }
  if (size > 1 && random_.chance(faults.writes_short))
    size = static_cast<std::size_t>(random_.between(1, static_cast<std::int64_t>(size)));
  file.content.append(data, size);
  return size;
}

std::int64_t SimDisk::used(const Node& node) const {
  auto bytes = static_cast<std::int64_t>(node.content.size());
  for (const auto& [name, each] : node.names) bytes += used(*each);
  return bytes;
}

bool SimDisk::sync_works(const std::string& path) {
  begin(path, faults.refuses);
  return !random_.chance(faults.lies);
}

std::size_t SimDisk::read(const std::string& path, std::uint64_t offset, char* out, std::size_t size) {
  begin(path, faults.refuses_reading);
  const std::shared_ptr<Node> file = find(path);
  if (!file) no_such_file(path);
  if (offset >= file->content.size()) return 0;
  size = std::min<std::size_t>(size, file->content.size() - offset);
  std::memcpy(out, file->content.data() + offset, size);
  return size;
}

std::optional<std::uint64_t> SimDisk::size_of(const std::string& path) {
  begin(path, faults.refuses_reading);
  const std::shared_ptr<Node> file = find(path);
  if (!file) return std::nullopt;
  return file->content.size();
}

std::vector<std::string> SimDisk::list(const std::string& folder) {
  begin(folder, faults.refuses_reading);
  std::vector<std::string> names;
  if (const std::shared_ptr<Node> node = find(folder))
    for (const auto& [name, each] : node->names) names.push_back(name);
  return names;
}

bool SimDisk::make_folder(const std::string& path) {
  begin(path, faults.refuses);
  std::shared_ptr<Node> node = root_;
  bool made = false;
  for (const std::string& part : parts_of(path)) {
    std::shared_ptr<Node> next = node->names.contains(part) ? node->names[part] : nullptr;
    if (!next) {
      next = std::make_shared<Node>();
      next->is_folder = made = true;
      change(*node, {part, "", next});
    }
    node = next;
  }
  return made;
}

void SimDisk::sync_folder(const std::string& path) {
  const std::shared_ptr<Node> folder = find(path);
  if (!folder) no_such_file(path);
  if (!sync_works(path)) return;
  folder->safe_names = folder->names;
  folder->unsafe.clear();
}

// Within a folder.
void SimDisk::rename(const std::string& from, const std::string& to) {
  begin(to, faults.refuses);
  const std::shared_ptr<Node> node = find(from);
  if (!node) no_such_file(from);
  std::string name, old_name;
  Node& folder = folder_of(to, name);
  folder_of(from, old_name);
  change(folder, {name, old_name, node});
}

bool SimDisk::remove(const std::string& path) {
  begin(path, faults.refuses);
  const std::shared_ptr<Node> node = find(path);
  if (!node) return false;
  if (!node->names.empty()) throw FileError(path + ": Directory not empty");
  std::string name;
  Node& folder = folder_of(path, name);
  change(folder, {name, "", nullptr});
  return true;
}

void SimDisk::lose_file(const std::string& path) {
  std::string name;
  Node& folder = folder_of(path, name);
  folder.names.erase(name);
  folder.safe_names.erase(name);
  std::erase_if(folder.unsafe, [&](const Change& each) { return each.name == name || each.from == name; });
}

// A file whose newest content was not synced: as it was, as it is, cut short, or of the right length without the data.
std::string SimDisk::after_power_loss(const Node& file) {
  if (file.content == file.safe_content) return file.content;
  switch (random_.below(4)) {
    case 0:
      return file.safe_content;
    case 1:
      return file.content;
    case 2:
      return file.content.substr(
          0, static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(file.content.size()) + 1)));
    default:
      return std::string(file.content.size(), '\0');
  }
}

void SimDisk::lose_power(Node& node) {
  if (!node.is_folder) {
    node.content = node.safe_content = after_power_loss(node);
    return;
  }
  const double survives = static_cast<double>(random_.below(3)) / 2;  // none of the changes, some, all
  for (const Change& each : std::exchange(node.unsafe, {}))
    if (random_.chance(survives)) apply(each, node.safe_names);
  node.names = node.safe_names;
  for (const auto& [name, each] : node.names) lose_power(*each);
}

void SimDisk::lose_power() {
  lose_power(*root_);
  faults = {};
}

}  // namespace dsrun::test
