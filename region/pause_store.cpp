#include "region/pause_store.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>

namespace regent {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "1";
constexpr std::uintmax_t kMaxBytes = 64 * 1024;
constexpr std::string_view kChecksumKey = "sha256 ";
constexpr const char* kRestoreAdvice =
    "; restore the file, or remove it: the gateway then asks the others whether the cluster is"
    " paused, and takes it for not paused when none of them knows";

std::string errno_text(int error) {
  return std::system_category().message(error);
}

std::string checksum_of(const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  CHECK(EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

bool parse_number(const std::string& text, std::uint64_t& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

bool parse_bool(const std::string& text, bool& value) {
  value = text == "yes";
  return value || text == "no";
}

// A file that is written and synced, or an errno.
int write_synced(const std::string& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int error = 0;
  for (std::size_t done = 0; done < text.size() && error == 0;) {
    const ssize_t wrote = ::write(fd, text.data() + done, text.size() - done);
    if (wrote > 0) {
      done += static_cast<std::size_t>(wrote);
    } else if (wrote == 0 || errno != EINTR) {
      error = wrote == 0 ? ENOSPC : errno;
    }
  }
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  return error;
}

int sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = ::fsync(fd) != 0 ? errno : 0;
  ::close(fd);
  return error;
}

}  // namespace

Error PauseStore::error(ErrorCode code, const std::string& what) const {
  return {code, "pause switch " + path_ + ": " + what};
}

Result<std::unique_ptr<PauseStore>> PauseStore::open(const std::string& dir,
                                                     const Topology& topology) {
  std::unique_ptr<PauseStore> store(new PauseStore(dir + "/pause", topology));
  std::error_code problem;
  fs::create_directories(dir, problem);
  if (problem || !fs::is_directory(dir, problem)) {
    return store->error(ErrorCode::io, (problem ? problem.message() : "its folder is not one") +
                                           "; give a folder this gateway may write to");
  }
  if (::access(dir.c_str(), W_OK | X_OK) != 0) {
    return store->error(ErrorCode::io,
                        errno_text(errno) + "; the gateway must be able to write to this folder");
  }
  if (!fs::exists(store->path_, problem) && !problem) return store;
  const auto bytes = fs::is_regular_file(store->path_, problem)
                         ? fs::file_size(store->path_, problem)
                         : kMaxBytes + 1;
  if (problem || bytes > kMaxBytes) {
    return store->error(ErrorCode::corrupt, std::string("not a file of ours") + kRestoreAdvice);
  }
  std::ifstream file(store->path_, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) {
    return store->error(ErrorCode::io, "cannot be read; the gateway must be able to read it");
  }
  auto record = store->read(text.str());
  if (!record.ok()) return record.error();
  store->stored_ = *record;
  return store;
}

std::string PauseStore::text_of(const PauseRecord& record) const {
  const auto yes_or_no = [](bool value) { return value ? "yes\n" : "no\n"; };
  const std::string text = std::string("format ") + kFormat + "\ncluster " + topology_.cluster +
                           "\nversion " + std::to_string(record.pause.version) + "\npaused " +
                           yes_or_no(record.pause.paused) + "last_epoch " +
                           std::to_string(record.last_reign.epoch.value) + "\nlast_primary " +
                           topology_.region_name(record.last_reign.region) + "\nhanded_over " +
                           yes_or_no(record.last_reign.handed_over);
  return text + std::string(kChecksumKey) + checksum_of(text) + "\n";
}

Result<PauseRecord> PauseStore::read(const std::string& text) const {
  const auto damaged = [&](const std::string& what) {
    return error(ErrorCode::corrupt, "damaged: " + what + kRestoreAdvice);
  };
  const std::size_t end = text.rfind(kChecksumKey);
  if (end == std::string::npos) return damaged("the checksum is missing");
  if (text.substr(end) != std::string(kChecksumKey) + checksum_of(text.substr(0, end)) + "\n") {
    return damaged("the checksum does not match");
  }
  std::map<std::string, std::string> values;
  std::istringstream lines(text.substr(0, end));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) return damaged("'" + line + "'");
    values[line.substr(0, space)] = line.substr(space + 1);
  }
  if (values["format"] != kFormat) {
    return error(ErrorCode::refused, "written by another version of regent (format " +
                                         values["format"] + "), this one reads format " + kFormat);
  }
  if (values["cluster"] != topology_.cluster) {
    return error(ErrorCode::refused, "belongs to cluster '" + values["cluster"] +
                                         "', this is cluster '" + topology_.cluster +
                                         "'; give each gateway its own folder");
  }
  PauseRecord record;
  if (!parse_number(values["version"], record.pause.version) ||
      !parse_bool(values["paused"], record.pause.paused) ||
      !parse_number(values["last_epoch"], record.last_reign.epoch.value) ||
      !parse_bool(values["handed_over"], record.last_reign.handed_over)) {
    return damaged("a value is missing or not one of ours");
  }
  record.last_reign.region = topology_.find_region(values["last_primary"]).value_or(kNoRegion);
  return record;
}

Status PauseStore::save(const PauseRecord& record) {
  const std::string unfinished = path_ + ".new";
  if (const int failed = write_synced(unfinished, text_of(record)); failed != 0) {
    ::unlink(unfinished.c_str());
    return error(ErrorCode::io, errno_text(failed) + (failed == ENOSPC || failed == EDQUOT
                                                          ? "; free space on this disk"
                                                          : "; check the disk and the folder"));
  }
  if (std::rename(unfinished.c_str(), path_.c_str()) != 0) {
    const int failed = errno;
    ::unlink(unfinished.c_str());
    return error(ErrorCode::io, errno_text(failed) + "; check the disk and the folder");
  }
  if (const int failed = sync_folder(fs::path(path_).parent_path()); failed != 0) {
    return error(ErrorCode::io, errno_text(failed) + "; check the disk and the folder");
  }
  stored_ = record;
  return Done{};
}

}  // namespace regent
