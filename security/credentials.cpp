#include "security/credentials.h"

#include <openssl/err.h>

#include "security/certificate.h"
#include "security/credential_files.h"
#include "security/openssl.h"
#include "security/tls_context.h"

namespace regent {
namespace {

constexpr const char* kRenew = "; renew it, with `regent certs create` if this is its authority";

Status check_validity(const std::string& file, const X509* certificate) {
  const auto now = std::chrono::system_clock::now();
  const std::string start = file + ": certificate of " + claimed_holder(certificate);
  if (now > not_after_of(certificate)) {
    return Error{ErrorCode::invalid,
                 start + " expired on " + utc_text(not_after_of(certificate)) + kRenew};
  }
  if (now < not_before_of(certificate)) {
    return Error{ErrorCode::invalid, start + " is not yet valid, only from " +
                                         utc_text(not_before_of(certificate)) +
                                         " on; check this machine's clock"};
  }
  return Done{};
}

// Everything a peer would refuse us for, found here where it can be said plainly.
Status check_certificate(const CredentialFiles& files, const CredentialSet& set,
                         const std::vector<std::shared_ptr<X509>>& chain, const Identity& self) {
  if (X509_check_private_key(set.certificate.get(), set.key.get()) != 1) {
    ERR_clear_error();
    return Error{ErrorCode::invalid, files.key + ": is not the key of the certificate in " +
                                         files.cert + "; put the pair made together in place"};
  }
  const auto identity = identity_of(set.certificate.get());
  if (!identity.ok()) {
    return Error{ErrorCode::invalid, files.cert + ": " + identity.error().message};
  }
  if (*identity != self) {
    return Error{ErrorCode::invalid, files.cert + ": is the certificate of " + identity->uri() +
                                         ", but this process is " + self.uri()};
  }
  if (const auto valid = check_validity(files.cert, set.certificate.get()); !valid.ok()) {
    return valid;
  }
  const auto verified = verify_certificate(set.certificate.get(), set.authority.get(), chain);
  if (!verified.ok()) {
    return Error{ErrorCode::invalid, files.cert + ": " + verified.error().message + ", " +
                                         files.ca + "; use a pair and an authority made together"};
  }
  return Done{};
}

Result<std::shared_ptr<const CredentialSet>> load_set(const CredentialFiles& files,
                                                      const Identity& self) {
  auto set = std::make_shared<CredentialSet>();
  auto authority = load_authority(files.ca);
  if (!authority.ok()) return authority.error();
  const auto pem = read_small_file(files.cert);
  if (!pem.ok()) return pem.error();
  auto certificates = certificates_from_pem(*pem);
  if (!certificates.ok()) {
    return Error{ErrorCode::invalid, files.cert + ": " + certificates.error().message};
  }
  auto key = read_private_key(files.key);
  if (!key.ok()) return key.error();
  set->authority = *authority;
  set->certificate = certificates->front();
  set->key = *key;
  certificates->erase(certificates->begin());
  if (const auto good = check_certificate(files, *set, *certificates, self); !good.ok()) {
    return good.error();
  }
  for (const TlsSide side : {TlsSide::server, TlsSide::client}) {
    auto context = mutual_context(side, set->certificate.get(), set->key.get(), *certificates,
                                  set->authority.get());
    if (!context.ok()) {
      return Error{ErrorCode::invalid, files.cert + ": " + context.error().message};
    }
    (side == TlsSide::server ? set->server : set->client) = *context;
  }
  set->certificate_der = certificate_der(set->certificate.get());
  set->fingerprint = certificate_fingerprint(set->certificate_der);
  set->identity = self;
  set->not_after = not_after_of(set->certificate.get());
  return std::shared_ptr<const CredentialSet>(std::move(set));
}

}  // namespace

struct Credentials::Stamp {
  explicit Stamp(const CredentialFiles& files)
      : ca(file_stamp(files.ca)), cert(file_stamp(files.cert)), key(file_stamp(files.key)) {}
  bool operator==(const Stamp&) const = default;
  FileStamp ca;
  FileStamp cert;
  FileStamp key;
};

CredentialFiles credential_files(const std::string& dir, const Identity& self) {
  const std::string stem = self.role == IdentityRole::operator_
                               ? dir + "/operator"
                               : dir + "/" + self.region + "." + self.name;
  return {dir + "/ca.crt", stem + ".crt", stem + ".key"};
}

Credentials::Credentials(CredentialFiles files, Identity self)
    : files_(std::move(files)), self_(std::move(self)) {}

Result<std::unique_ptr<Credentials>> Credentials::load(CredentialFiles files, Identity self) {
  std::unique_ptr<Credentials> credentials(new Credentials(std::move(files), std::move(self)));
  const auto loaded = credentials->reload_if_changed();
  if (!loaded.ok()) return loaded.error();
  return credentials;
}

std::shared_ptr<const CredentialSet> Credentials::current() const {
  const std::scoped_lock lock(mutex_);
  return current_;
}

Result<bool> Credentials::reload_if_changed() {
  const std::scoped_lock reload(reload_mutex_);
  // Taken before reading: a file that changes while it is read gives another stamp next time.
  auto stamp = std::make_shared<const Stamp>(files_);
  if (stamp_ != nullptr && *stamp == *stamp_) {
    reported_.clear();
    return false;
  }
  auto set = load_set(files_, self_);
  if (!set.ok()) {
    if (set.error().message == reported_) return false;
    reported_ = set.error().message;
    return set.error();
  }
  stamp_ = std::move(stamp);
  reported_.clear();
  const std::scoped_lock lock(mutex_);
  current_ = *set;
  return true;
}

}  // namespace regent
