#include "security/server_certificates.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <span>
#include <utility>

#include <openssl/err.h>

#include "security/certificate.h"
#include "security/credential_files.h"
#include "security/openssl.h"
#include "security/tls_context.h"

namespace regent {
namespace {

constexpr std::string_view kAdvice = "; put the service's certificate and key in place";

// The DNS names of the certificate's alternative names (RFC 9525: the common name is none).
std::vector<std::string> dns_names(const X509* certificate) {
  std::vector<std::string> names;
  const OpenSslOwner<GENERAL_NAMES, GENERAL_NAMES_free> found(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; found && i < sk_GENERAL_NAME_num(found.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(found.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    names.emplace_back(text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    std::ranges::transform(names.back(), names.back().begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  }
  return names;
}

std::shared_ptr<STACK_OF(X509)> stack_of(std::span<const std::shared_ptr<X509>> certificates) {
  std::shared_ptr<STACK_OF(X509)> stack(sk_X509_new_null(), [](STACK_OF(X509) * all) {
    sk_X509_pop_free(all, X509_free);
  });
  CHECK(stack != nullptr);
  for (const auto& certificate : certificates) {
    CHECK(X509_up_ref(certificate.get()) == 1);
    CHECK(sk_X509_push(stack.get(), certificate.get()) > 0);
  }
  return stack;
}

// The files as they were when they were looked at.
struct Stamp {
  explicit Stamp(const ServerCertificateFiles& files)
      : cert(file_stamp(files.cert)), key(file_stamp(files.key)) {}
  bool operator==(const Stamp&) const = default;
  FileStamp cert;
  FileStamp key;
};

}  // namespace

struct ServerCertificates::Slot {
  ServerCertificateFiles files;
  std::shared_ptr<const ServerCertificate> certificate;
  std::optional<Stamp> stamp;  // of the files that it was made from
  std::string reported;        // the error returned last
};

struct ServerCertificates::Current {
  std::shared_ptr<SSL_CTX> context;
  std::vector<std::shared_ptr<const ServerCertificate>> certificates;
};

Result<std::shared_ptr<const ServerCertificate>> ServerCertificate::load(
    const ServerCertificateFiles& files) {
  const auto pem = read_small_file(files.cert, kAdvice);
  if (!pem.ok()) return pem.error();
  const auto certificates = certificates_from_pem(*pem);
  if (!certificates.ok()) {
    return Error{ErrorCode::invalid, files.cert + ": " + certificates.error().message};
  }
  const auto key = read_private_key(files.key, kAdvice);
  if (!key.ok()) return key.error();
  auto loaded = std::make_shared<ServerCertificate>();
  loaded->file = files.cert;
  loaded->certificate = certificates->front();
  loaded->key = *key;
  loaded->chain = stack_of(std::span(*certificates).subspan(1));
  loaded->names = dns_names(loaded->certificate.get());
  loaded->not_after = not_after_of(loaded->certificate.get());
  if (X509_check_private_key(loaded->certificate.get(), key->get()) != 1) {
    ERR_clear_error();
    return Error{ErrorCode::invalid, files.key + ": is not the key of the certificate in " +
                                         files.cert + "; give the pair that belongs together"};
  }
  if (const Status usable = usable_for_tls(*loaded); !usable.ok()) {
    return Error{ErrorCode::invalid, files.cert + ": " + usable.error().message};
  }
  return std::shared_ptr<const ServerCertificate>(std::move(loaded));
}

Status ServerCertificate::valid_at(std::chrono::system_clock::time_point now) const {
  const auto not_before = not_before_of(certificate.get());
  if (now > not_after) {
    return Error{ErrorCode::invalid, file + ": the certificate expired on " + utc_text(not_after) +
                                         "; put a renewed one with its key in place"};
  }
  if (now < not_before) {
    return Error{ErrorCode::invalid, file + ": the certificate is valid only from " +
                                         utc_text(not_before) + " on; check this machine's clock"};
  }
  return Done{};
}

ServerCertificates::ServerCertificates(Options options) : options_(std::move(options)) {}

ServerCertificates::~ServerCertificates() = default;

Result<std::unique_ptr<ServerCertificates>> ServerCertificates::load(
    std::vector<ServerCertificateFiles> files, Options options) {
  CHECK(!files.empty());
  std::unique_ptr<ServerCertificates> made(new ServerCertificates(std::move(options)));
  for (ServerCertificateFiles& pair : files) {
    Slot slot;
    slot.stamp.emplace(pair);
    auto certificate = ServerCertificate::load(pair);
    if (!certificate.ok()) return certificate.error();
    slot.certificate = std::move(*certificate);
    slot.files = std::move(pair);
    made->slots_.push_back(std::move(slot));
  }
  made->use_slots();
  return made;
}

void ServerCertificates::use_slots() {
  auto next = std::make_shared<Current>();
  for (const Slot& slot : slots_) next->certificates.push_back(slot.certificate);
  next->context =
      server_context(next->certificates, options_.service, options_.protocols, options_.tickets);
  const std::scoped_lock lock(mutex_);
  current_ = std::move(next);
}

std::shared_ptr<SSL_CTX> ServerCertificates::context() const {
  const std::scoped_lock lock(mutex_);
  return current_->context;
}

std::vector<std::shared_ptr<const ServerCertificate>> ServerCertificates::current() const {
  const std::scoped_lock lock(mutex_);
  return current_->certificates;
}

ServerCertificates::Reload ServerCertificates::reload_if_changed() {
  const std::scoped_lock lock(reload_mutex_);
  Reload result;
  for (Slot& slot : slots_) {
    // Taken before reading: a file that changes while it is read gives another stamp next time.
    Stamp stamp(slot.files);
    if (stamp == slot.stamp) {
      slot.reported.clear();
      continue;
    }
    auto certificate = ServerCertificate::load(slot.files);
    Status good = Done{};
    if (!certificate.ok()) {
      good = certificate.error();
    } else {
      good = (*certificate)->valid_at(std::chrono::system_clock::now());
    }
    if (!good.ok()) {
      if (good.error().message == slot.reported) continue;
      slot.reported = good.error().message;
      result.failed.push_back(good.error());
      continue;
    }
    slot.certificate = std::move(*certificate);
    slot.stamp = stamp;
    slot.reported.clear();
    result.loaded.push_back(slot.certificate);
  }
  if (!result.loaded.empty()) use_slots();
  return result;
}

}  // namespace regent
