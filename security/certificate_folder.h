#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "quorum/result.h"
#include "security/identity.h"

// A folder with the certificates of a whole cluster, as `regent certs create` makes it: ca.crt and
// ca.key, REGION.NAME.{crt,key} a process, operator.{crt,key}. Keys have mode 0600.
namespace regent {

// Somebody who needs a certificate, and the names and addresses it is reached under.
struct CertificateHolder {
  Identity identity;
  std::vector<std::string> hosts;
};

struct CertificateFolder {
  bool authority_reused = false;
  std::vector<std::string> files;  // written, as paths, certificate and key of each holder in turn
  std::chrono::system_clock::time_point not_after;  // of the holders' certificates
};

inline constexpr int kMaxCertificateDays = 3650;

// Makes `dir` if needed, an authority if it has none, and new certificates and keys for all
// holders, valid for `days` (1 to kMaxCertificateDays) but not longer than the authority. Every
// file is replaced at once or not at all; running again renews all but the authority.
// Errors: days out of range, two holders that share a file name, half an authority or an expired
// one in `dir`, a file that cannot be written.
Result<CertificateFolder> create_certificate_folder(const std::string& dir,
                                                    const std::string& cluster,
                                                    const std::vector<CertificateHolder>& holders,
                                                    int days);

}  // namespace regent
