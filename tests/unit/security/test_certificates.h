#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "security/authority.h"
#include "security/certificate.h"
#include "security/credentials.h"

// Certificates of every kind, good and bad, for the tests.
namespace regent::test {

inline const Identity kGateway{"shop", IdentityRole::gateway, "us-east", "gw1"};
inline const Identity kOtherGateway{"shop", IdentityRole::gateway, "eu", "gw2"};
inline const Identity kNode{"shop", IdentityRole::node, "us-east", "n1"};
inline const Identity kOperator{"shop", IdentityRole::operator_, "", ""};

Authority make_authority(const std::string& cluster = "shop");
CertificatePair make_pair(const Authority& authority, const Identity& identity,
                          const Validity& validity = Validity::days_from_now(1));
Validity expired();
Validity not_yet_valid();

// A trust store of one authority.
std::shared_ptr<X509_STORE> trust(const Authority& authority);
// A set made without the checks that Credentials::load() makes.
std::shared_ptr<const CredentialSet> unchecked_set(const CertificatePair& pair,
                                                   const Authority& trusted,
                                                   const Identity& identity);
std::shared_ptr<X509> certificate_of(const CertificatePair& pair);
std::shared_ptr<EVP_PKEY> key_of(const CertificatePair& pair);
std::string encrypted_key_pem(EVP_PKEY* key);

// A folder of its own, removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string path(const std::string& name = "") const;
  // Replaces a file as careful tools do: a new file, renamed into place.
  void put(const std::string& name, const std::string& text, unsigned mode = 0600) const;

 private:
  std::filesystem::path path_;
};

}  // namespace regent::test
