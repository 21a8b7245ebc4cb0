#include "security/certificate_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <string_view>

#include "security/authority.h"
#include "security/certificate.h"
#include "security/credential_files.h"
#include "security/credentials.h"

namespace regent {
namespace {

constexpr int kAuthorityDays = 3650;
constexpr mode_t kPublicMode = 0644;
constexpr mode_t kPrivateMode = 0600;

Error file_error(const std::string& what, const std::string& path) {
  return {ErrorCode::io, path + ": " + what + ": " + std::strerror(errno)};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// A reader sees the old file or the whole new one; a key never has another mode than its last.
Status replace_file(const std::string& path, std::string_view text, mode_t mode) {
  std::string temporary = path + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return file_error("cannot be written", path);
  const bool written = ::fchmod(fd, mode) == 0 && write_all(fd, text) && ::fsync(fd) == 0;
  const int write_errno = errno;
  ::close(fd);
  errno = write_errno;
  if (written && ::rename(temporary.c_str(), path.c_str()) == 0) return Done{};
  Error error = file_error("cannot be written", path);
  ::unlink(temporary.c_str());
  return error;
}

// Makes the renames durable.
Status sync_folder(const std::string& dir) {
  const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return file_error("cannot be opened", dir);
  const bool synced = ::fsync(fd) == 0;
  const int sync_errno = errno;
  ::close(fd);
  errno = sync_errno;
  if (!synced) return file_error("cannot be synced", dir);
  return Done{};
}

Result<Authority> stored_authority(const std::string& cert_file, const std::string& key_file) {
  const auto certificate = read_small_file(cert_file);
  if (!certificate.ok()) return certificate.error();
  // Read for its checks of the file's mode; the text below is what is used.
  if (const auto key = read_private_key(key_file); !key.ok()) return key.error();
  const auto key = read_small_file(key_file);
  if (!key.ok()) return key.error();
  auto authority = Authority::from_pem({*certificate, *key});
  if (!authority.ok()) {
    return Error{authority.error().code, cert_file + ": " + authority.error().message};
  }
  if (authority->not_after() < std::chrono::system_clock::now()) {
    return Error{ErrorCode::invalid, cert_file + ": this authority expired on " +
                                         utc_text(authority->not_after()) + "; remove it and " +
                                         key_file + " to make a new one"};
  }
  return authority;
}

Result<Authority> open_authority(const std::string& dir, const std::string& cluster,
                                 CertificateFolder& folder) {
  const std::string cert_file = dir + "/ca.crt";
  const std::string key_file = dir + "/ca.key";
  const bool has_cert = std::filesystem::exists(cert_file);
  const bool has_key = std::filesystem::exists(key_file);
  if (has_cert && has_key) {
    folder.authority_reused = true;
    return stored_authority(cert_file, key_file);
  }
  if (has_cert) {
    return Error{ErrorCode::refused,
                 cert_file + ": is there, but its key " + key_file +
                     " is not; put the key back, or remove the certificate to start afresh"};
  }
  auto authority = Authority::create(cluster, Validity::days_from_now(kAuthorityDays));
  if (!authority.ok()) return authority.error();
  // The key first: after a crash between the two files, running again starts afresh.
  if (const auto done = replace_file(key_file, authority->key_pem(), kPrivateMode); !done.ok()) {
    return done.error();
  }
  if (const auto done = replace_file(cert_file, authority->certificate_pem(), kPublicMode);
      !done.ok()) {
    return done.error();
  }
  folder.files = {cert_file, key_file};
  return authority;
}

Status check_holders(const std::string& dir, const std::vector<CertificateHolder>& holders) {
  std::map<std::string, std::string> owners{{dir + "/ca.crt", "the authority"}};
  for (const auto& holder : holders) {
    const std::string uri = holder.identity.uri();
    if (const auto parsed = parse_identity(uri); !parsed.ok()) return parsed.error();
    const std::string file = credential_files(dir, holder.identity).cert;
    const auto [owner, fresh] = owners.emplace(file, uri);
    if (!fresh) {
      return Error{ErrorCode::invalid, file + ": would be the certificate of both " +
                                           owner->second + " and " + uri +
                                           "; give one of them another name"};
    }
  }
  return Done{};
}

Status make_folder(const std::string& dir) {
  std::error_code failure;
  std::filesystem::create_directories(dir, failure);
  if (failure) {
    return Error{ErrorCode::io, dir + ": cannot be made: " + failure.message()};
  }
  return Done{};
}

}  // namespace

Result<CertificateFolder> create_certificate_folder(const std::string& dir,
                                                    const std::string& cluster,
                                                    const std::vector<CertificateHolder>& holders,
                                                    int days) {
  if (days < 1 || days > kMaxCertificateDays) {
    return Error{ErrorCode::invalid, "certificates can be valid for 1 to " +
                                         std::to_string(kMaxCertificateDays) + " days, not " +
                                         std::to_string(days)};
  }
  if (const auto distinct = check_holders(dir, holders); !distinct.ok()) return distinct.error();
  if (const auto made = make_folder(dir); !made.ok()) return made.error();
  CertificateFolder folder;
  const auto authority = open_authority(dir, cluster, folder);
  if (!authority.ok()) return authority.error();
  Validity validity = Validity::days_from_now(days);
  validity.not_after = std::min(validity.not_after, authority->not_after());
  folder.not_after = validity.not_after;
  for (const auto& holder : holders) {
    const auto pair = authority->issue(holder.identity, holder.hosts, validity);
    if (!pair.ok()) return pair.error();
    const CredentialFiles files = credential_files(dir, holder.identity);
    if (const auto done = replace_file(files.key, pair->key, kPrivateMode); !done.ok()) {
      return done.error();
    }
    if (const auto done = replace_file(files.cert, pair->certificate, kPublicMode); !done.ok()) {
      return done.error();
    }
    folder.files.push_back(files.cert);
    folder.files.push_back(files.key);
  }
  if (const auto synced = sync_folder(dir); !synced.ok()) return synced.error();
  return folder;
}

}  // namespace regent
