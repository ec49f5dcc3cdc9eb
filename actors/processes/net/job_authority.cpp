#include "actors/processes/net/job_authority.hpp"

#include <stdexcept>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace dsrun {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
using PrivateKey = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;

constexpr long validity_secs = 366L * 24 * 3600;  // longer than a job
constexpr long clocks_apart_secs = 24 * 3600;     // hosts whose clock is behind still accept it

[[noreturn]] void fail(const char* what) {
  char reason[256] = "";
  ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
  throw std::runtime_error(std::string("cannot make the job's certificates: ") + what + ": " + reason);
}

void check(bool done, const char* what) {
  if (!done) fail(what);
}

PrivateKey make_key() {
  PrivateKey key(EVP_EC_gen("P-256"));
  check(key != nullptr, "key");
  return key;
}

void name(X509_NAME* subject, const std::string& common_name) {
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.data());
  const int size = static_cast<int>(std::min<std::size_t>(common_name.size(), 64));  // RFC 5280's limit
  check(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, size, -1, 0) == 1, "name");
}

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free> extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  check(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "extension");
}

// `issuer` null: signed by itself.
Certificate make_certificate(const std::string& common_name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
                             long serial) {
  Certificate certificate(X509_new());
  check(certificate != nullptr, "certificate");
  X509* x = certificate.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
  X509_gmtime_adj(X509_getm_notBefore(x), -clocks_apart_secs);
  X509_gmtime_adj(X509_getm_notAfter(x), validity_secs);
  check(X509_set_pubkey(x, key) == 1, "public key");
  name(X509_get_subject_name(x), common_name);
  check(X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x)) == 1, "issuer");
  add_extension(x, issuer ? issuer : x, NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
  add_extension(x, issuer ? issuer : x, NID_key_usage,
                issuer ? "critical,digitalSignature" : "critical,keyCertSign,cRLSign");
  check(X509_sign(x, issuer_key, EVP_sha256()) > 0, "signature");
  return certificate;
}

template <class Write>
std::string pem(Write write) {
  const std::unique_ptr<BIO, Free> bio(BIO_new(BIO_s_mem()));
  check(bio && write(bio.get()) == 1, "PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  return pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

}  // namespace

struct JobAuthority::Parts {
  PrivateKey key = make_key();
  Certificate certificate;
  long serial = 1;
};

JobAuthority::JobAuthority(const std::string& job_name) : parts_(std::make_unique<Parts>()) {
  parts_->certificate = make_certificate("dsrun " + job_name, parts_->key.get(), nullptr, parts_->key.get(), 1);
}

JobAuthority::~JobAuthority() = default;

Credentials JobAuthority::issue(const std::string& common_name) {
  const PrivateKey key = make_key();
  const Certificate certificate =
      make_certificate(common_name, key.get(), parts_->certificate.get(), parts_->key.get(), ++parts_->serial);
  return {pem_of(parts_->certificate.get()), pem_of(certificate.get()), pem([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

std::string random_secret(std::size_t num_bytes) {
  std::string bytes(num_bytes, '\0');
  check(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(num_bytes)) == 1, "random bytes");
  return bytes;
}

}  // namespace dsrun
