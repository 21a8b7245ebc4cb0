#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include <sys/types.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "quorum/result.h"

// Reading the small files that hold certificates and keys.
namespace regent {

// What tells that a file was replaced or changed; all zero for a file that cannot be looked at.
struct FileStamp {
  std::array<std::int64_t, 8> values{};
  bool operator==(const FileStamp&) const = default;
};
FileStamp file_stamp(const std::string& path);

// What to do about a missing file of this cluster's own authority.
inline constexpr std::string_view kCreateFile = "; `regent certs create` makes it";

// The contents. Errors (ErrorCode::io), naming the file: missing (then `advice` follows),
// unreadable, not a regular file, larger than any certificate could be.
Result<std::string> read_small_file(const std::string& path,
                                    std::string_view advice = kCreateFile);

// A private key in PEM. Errors, naming the file: as read_small_file(); readable by others than its
// owner; not a private key or an encrypted one.
Result<std::shared_ptr<EVP_PKEY>> read_private_key(const std::string& path,
                                                   std::string_view advice = kCreateFile);

// The authorities in a PEM file, as a trust store. Errors, naming the file: as read_small_file();
// no certificate, or one that is not an authority's.
Result<std::shared_ptr<X509_STORE>> load_authority(const std::string& path);

}  // namespace regent
