#include "tests/unit/security/test_certificates.h"

#include <stdlib.h>

#include <fstream>

#include <openssl/pem.h>

#include "security/openssl.h"
#include "security/tls_context.h"

namespace regent::test {

using std::chrono::hours;
using std::chrono::system_clock;

Authority make_authority(const std::string& cluster) {
  return Authority::create(cluster, Validity::days_from_now(10)).value();
}

CertificatePair make_pair(const Authority& authority, const Identity& identity,
                          const Validity& validity) {
  return authority.issue(identity, {"127.0.0.1"}, validity).value();
}

Validity expired() {
  return {system_clock::now() - hours(48), system_clock::now() - hours(24)};
}

Validity not_yet_valid() {
  return {system_clock::now() + hours(24), system_clock::now() + hours(48)};
}

std::shared_ptr<X509_STORE> trust(const Authority& authority) {
  std::shared_ptr<X509_STORE> store(X509_STORE_new(), X509_STORE_free);
  const auto certificates = certificates_from_pem(authority.certificate_pem()).value();
  CHECK(X509_STORE_add_cert(store.get(), certificates.front().get()) == 1);
  return store;
}

std::shared_ptr<X509> certificate_of(const CertificatePair& pair) {
  return certificates_from_pem(pair.certificate).value().front();
}

std::shared_ptr<EVP_PKEY> key_of(const CertificatePair& pair) {
  const BioOwner bio = read_bio(pair.key);
  return {PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
}

std::string encrypted_key_pem(EVP_PKEY* key) {
  const BioOwner bio(BIO_new(BIO_s_mem()));
  const unsigned char passphrase[] = "secret";
  CHECK(PEM_write_bio_PrivateKey(bio.get(), key, EVP_aes_256_cbc(), passphrase,
                                 sizeof passphrase - 1, nullptr, nullptr) == 1);
  return bio_text(bio.get());
}

std::shared_ptr<const CredentialSet> unchecked_set(const CertificatePair& pair,
                                                   const Authority& trusted,
                                                   const Identity& identity) {
  auto set = std::make_shared<CredentialSet>();
  set->certificate = certificate_of(pair);
  set->key = key_of(pair);
  set->authority = trust(trusted);
  set->certificate_der = certificate_der(set->certificate.get());
  set->fingerprint = certificate_fingerprint(set->certificate_der);
  set->identity = identity;
  set->not_after = not_after_of(set->certificate.get());
  set->server = mutual_context(TlsSide::server, set->certificate.get(), set->key.get(), {},
                               set->authority.get())
                    .value();
  set->client = mutual_context(TlsSide::client, set->certificate.get(), set->key.get(), {},
                               set->authority.get())
                    .value();
  return set;
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "regent-test-XXXXXX").string();
  CHECK(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::path(const std::string& name) const {
  return name.empty() ? path_.string() : (path_ / name).string();
}

void TemporaryFolder::put(const std::string& name, const std::string& text, unsigned mode) const {
  const auto temporary = path_ / (name + ".new");
  {
    std::ofstream out(temporary, std::ios::binary);
    out << text;
    CHECK(out.flush().good());
  }
  std::filesystem::permissions(temporary, static_cast<std::filesystem::perms>(mode));
  std::filesystem::rename(temporary, path_ / name);
}

}  // namespace regent::test
