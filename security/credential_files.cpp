#include "security/credential_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "security/certificate.h"
#include "security/openssl.h"

namespace regent {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;

struct Contents {
  std::string text;
  mode_t mode = 0;
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Text and mode come from one open file, so that a file swapped in between cannot pass with the
// mode of another one.
Result<Contents> read_contents(const std::string& path, std::string_view advice) {
  const auto failure = [&](const std::string& what) {
    return Error{ErrorCode::io, path + ": " + what};
  };
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    return failure(errno == ENOENT ? "does not exist" + std::string(advice)
                                   : std::string("cannot be opened: ") + std::strerror(errno));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return failure(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return failure("is not a regular file");
  Contents contents{"", status.st_mode};
  char buffer[16384];
  while (true) {
    const ssize_t count = ::read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(std::string("cannot be read: ") + std::strerror(errno));
    if (count == 0) return contents;
    contents.text.append(buffer, static_cast<std::size_t>(count));
    if (contents.text.size() > kMaxFileBytes) {
      return failure("is too large for a certificate or key");
    }
  }
}

// Called for an encrypted key. A process that starts by itself has nobody to ask.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

FileStamp file_stamp(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {{static_cast<std::int64_t>(status.st_dev), static_cast<std::int64_t>(status.st_ino),
           status.st_size, static_cast<std::int64_t>(status.st_mode), status.st_mtim.tv_sec,
           status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec}};
}

Result<std::string> read_small_file(const std::string& path, std::string_view advice) {
  auto contents = read_contents(path, advice);
  if (!contents.ok()) return contents.error();
  return std::move(contents->text);
}

Result<std::shared_ptr<EVP_PKEY>> read_private_key(const std::string& path,
                                                   std::string_view advice) {
  auto contents = read_contents(path, advice);
  if (!contents.ok()) return contents.error();
  const auto failure = [&](const std::string& what) {
    OPENSSL_cleanse(contents->text.data(), contents->text.size());
    return Error{ErrorCode::invalid, path + ": " + what};
  };
  if ((contents->mode & (S_IRWXG | S_IRWXO)) != 0) {
    return failure("is a private key that others than its owner may use; chmod 600 it");
  }
  bool encrypted = false;
  ERR_clear_error();
  const BioOwner bio = read_bio(contents->text);
  std::shared_ptr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &encrypted), EVP_PKEY_free);
  if (key == nullptr) {
    const std::string reason = take_openssl_error();
    return failure(encrypted ? "is encrypted; it must be stored without a passphrase"
                             : "holds no private key in PEM form (" + reason + ")");
  }
  OPENSSL_cleanse(contents->text.data(), contents->text.size());
  return key;
}

Result<std::shared_ptr<X509_STORE>> load_authority(const std::string& file) {
  const auto pem = read_small_file(file);
  if (!pem.ok()) return pem.error();
  const auto certificates = certificates_from_pem(*pem);
  if (!certificates.ok()) {
    return Error{ErrorCode::invalid, file + ": " + certificates.error().message};
  }
  std::shared_ptr<X509_STORE> store(X509_STORE_new(), X509_STORE_free);
  CHECK(store != nullptr);
  for (const auto& certificate : *certificates) {
    if (X509_check_ca(certificate.get()) == 0) {
      return Error{ErrorCode::invalid, file + ": certificate of " +
                                           claimed_holder(certificate.get()) +
                                           " is not an authority's"};
    }
    CHECK(X509_STORE_add_cert(store.get(), certificate.get()) == 1);
  }
  // An authority that is itself issued by another one may stand alone in the file.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return store;
}

}  // namespace regent
