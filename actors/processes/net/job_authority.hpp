// JobAuthority: the certificate authority of one job. It is made at the launch, lives in the launcher's memory alone,
// and whoever shows a certificate of another one does not get in.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace dsrun {

// What a process proves itself with, as PEM. The key is a secret.
struct Credentials {
  std::string authority;    // the authority's certificate, by which others are judged
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

// From the system's generator.
std::string random_secret(std::size_t num_bytes = 32);

}  // namespace dsrun
