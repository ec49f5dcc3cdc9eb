// JobAuthority: the certificate authority of one job. It is made at the launch and lives in the launcher's memory
// alone. A process with another authority's certificate cannot connect.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace dsrun {

// What a process proves its identity with, as PEM. The key is a secret.
struct Credentials {
  std::string authority;    // the authority's certificate, to check others with
  std::string certificate;  // one's own
  std::string key;
};

class JobAuthority {
 public:
  explicit JobAuthority(const std::string& job_name);
  ~JobAuthority();
  JobAuthority(const JobAuthority&) = delete;
  JobAuthority& operator=(const JobAuthority&) = delete;

  Credentials issue(const std::string& common_name);  // "agent 3": for messages only

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Random bytes from the system's generator.
std::string random_secret(std::size_t num_bytes = 32);

}  // namespace dsrun
