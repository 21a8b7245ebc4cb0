#include "region/vote_store.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "quorum/check.h"

namespace regent {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSchema = 1;
constexpr const char* kCreate =
    "CREATE TABLE vote (one INTEGER PRIMARY KEY CHECK (one = 1), schema INTEGER NOT NULL,"
    " cluster TEXT NOT NULL, region TEXT NOT NULL, node TEXT NOT NULL, epoch INTEGER NOT NULL,"
    " supports TEXT NOT NULL, lease_ns INTEGER NOT NULL, checksum BLOB NOT NULL) STRICT";
constexpr const char* kWrite =
    "INSERT INTO vote VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET"
    " epoch = excluded.epoch, supports = excluded.supports, lease_ns = excluded.lease_ns,"
    " checksum = excluded.checksum";
constexpr const char* kRead =
    "SELECT schema, cluster, region, node, epoch, supports, lease_ns, checksum FROM vote";
constexpr const char* kRestoreAdvice =
    "; restore the folder, or, once the cluster is past every epoch this node has voted in, remove"
    " it to let the node start afresh";

// Everything in the row, as it is on disk.
struct Row {
  std::int64_t schema = kSchema;
  std::string cluster;
  std::string region;
  std::string node;
  std::int64_t epoch = 0;  // the 64 bits of the epoch
  std::string supports;
  std::int64_t lease_ns = 0;
  std::string checksum;

  std::string expected_checksum() const {
    std::string bytes;
    for (const std::string& field : {std::to_string(schema), cluster, region, node,
                                     std::to_string(epoch), supports, std::to_string(lease_ns)}) {
      bytes += std::to_string(field.size()) + ':' + field;
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    CHECK(EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) == 1);
    return std::string(reinterpret_cast<const char*>(digest), size);
  }
};

std::string errno_text(int error) {
  return std::system_category().message(error);
}

// Makes a new or removed name in a folder durable.
Status sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || ::fsync(fd) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    return Error{ErrorCode::io, "vote store " + folder.string() + ": " + errno_text(error)};
  }
  ::close(fd);
  return Done{};
}

}  // namespace

// The SQLite connection; translates its errors into ours.
struct VoteStore::Database {
  explicit Database(std::string file) : path(std::move(file)) {}
  ~Database() {
    sqlite3_finalize(write);
    sqlite3_close(handle);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Error error(int code) const {
    const std::string where = "vote store " + path + ": ";
    const std::string what = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
    const int cause = handle != nullptr ? sqlite3_system_errno(handle) : 0;
    const std::string because = cause != 0 ? what + " (" + errno_text(cause) + ")" : what;
    switch (code & 0xff) {
      case SQLITE_FULL:
        return {ErrorCode::io, where + because + "; free space on this disk and restart the node"};
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        return {ErrorCode::unavailable,
                where + "in use by another process; stop it or give this node its own folder"};
      case SQLITE_CORRUPT:
      case SQLITE_NOTADB:
        return {ErrorCode::corrupt, where + "damaged: " + because + kRestoreAdvice};
      case SQLITE_READONLY:
      case SQLITE_CANTOPEN:
      case SQLITE_PERM:
        return {ErrorCode::io, where + because + "; the file and its folder must be writable"};
      default:
        return {ErrorCode::io, where + because + "; check the disk and restart the node"};
    }
  }

  Status open(int flags) {
    const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    if (code != SQLITE_OK) return error(code);
    sqlite3_extended_result_codes(handle, 1);
    return Done{};
  }

  Status run(const char* sql) {
    const int code = sqlite3_exec(handle, sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return error(code);
    return Done{};
  }

  // The single value of a statement with one row of one column.
  Result<std::string> text(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    int code = sqlite3_prepare_v2(handle, sql, -1, &statement, nullptr);
    std::string value;
    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
      value = column(statement, 0);
    }
    if (code != SQLITE_ROW) {
      Error failure = error(code);
      sqlite3_finalize(statement);
      return failure;
    }
    sqlite3_finalize(statement);
    return value;
  }

  static std::string column(sqlite3_stmt* statement, int index) {
    const void* data = sqlite3_column_blob(statement, index);
    const int size = sqlite3_column_bytes(statement, index);
    if (data == nullptr) return {};
    return std::string(static_cast<const char*>(data), static_cast<std::size_t>(size));
  }

  Status save(const Row& row) {
    if (write == nullptr) {
      const int prepared = sqlite3_prepare_v2(handle, kWrite, -1, &write, nullptr);
      if (prepared != SQLITE_OK) return error(prepared);
    }
    const auto text_at = [&](int index, const std::string& value) {
      sqlite3_bind_text(write, index, value.data(), static_cast<int>(value.size()),
                        SQLITE_TRANSIENT);
    };
    sqlite3_bind_int64(write, 1, row.schema);
    text_at(2, row.cluster);
    text_at(3, row.region);
    text_at(4, row.node);
    sqlite3_bind_int64(write, 5, row.epoch);
    text_at(6, row.supports);
    sqlite3_bind_int64(write, 7, row.lease_ns);
    const std::string checksum = row.expected_checksum();
    sqlite3_bind_blob(write, 8, checksum.data(), static_cast<int>(checksum.size()),
                      SQLITE_TRANSIENT);
    const int code = sqlite3_step(write);
    if (code != SQLITE_DONE) {
      Error failure = error(code);
      sqlite3_reset(write);
      return failure;
    }
    sqlite3_reset(write);
    return Done{};
  }

  Result<Row> load() {
    const auto damaged = [&](const std::string& what) {
      return Error{ErrorCode::corrupt, "vote store " + path + ": " + what + kRestoreAdvice};
    };
    sqlite3_stmt* statement = nullptr;
    int code = sqlite3_prepare_v2(handle, kRead, -1, &statement, nullptr);
    if (code == SQLITE_ERROR) return damaged("the table of the vote is missing");
    if (code != SQLITE_OK) return error(code);
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owner(statement, sqlite3_finalize);
    code = sqlite3_step(statement);
    if (code == SQLITE_DONE) return damaged("the row of the vote is missing");
    if (code != SQLITE_ROW) return error(code);
    Row row;
    row.schema = sqlite3_column_int64(statement, 0);
    row.cluster = column(statement, 1);
    row.region = column(statement, 2);
    row.node = column(statement, 3);
    row.epoch = sqlite3_column_int64(statement, 4);
    row.supports = column(statement, 5);
    row.lease_ns = sqlite3_column_int64(statement, 6);
    row.checksum = column(statement, 7);
    if (row.schema != kSchema) {
      return Error{ErrorCode::refused, "vote store " + path +
                                           ": written by another version of"
                                           " regent (format " +
                                           std::to_string(row.schema) +
                                           "), this one reads format 1"};
    }
    if (row.checksum != row.expected_checksum()) return damaged("the checksum does not match");
    return row;
  }

  const std::string path;
  sqlite3* handle = nullptr;
  sqlite3_stmt* write = nullptr;
};

namespace {

Row row_of(const Topology& topology, NodeId self, const VoteRecord& record) {
  const TopologyNode& node = topology.node(self);
  Row row;
  row.cluster = topology.cluster;
  row.region = topology.region_name(node.region);
  row.node = node.name;
  row.epoch = static_cast<std::int64_t>(record.epoch.value);
  row.supports = topology.region_name(record.region);
  row.lease_ns = record.lease.count();
  return row;
}

Error folder_error(const std::string& dir, const std::string& what) {
  return {ErrorCode::io, "vote store " + dir + ": " + what};
}

}  // namespace

VoteStore::VoteStore(std::string path, const Topology& topology, NodeId self)
    : path_(std::move(path)), topology_(topology), self_(self) {}

VoteStore::~VoteStore() = default;

Result<std::unique_ptr<VoteStore>> VoteStore::open(const std::string& dir, const Topology& topology,
                                                   NodeId self) {
  std::error_code error;
  if (fs::exists(dir, error) && !fs::is_directory(dir, error)) {
    return folder_error(dir, "is not a folder");
  }
  fs::create_directories(dir, error);
  if (error) return folder_error(dir, error.message() + "; give a folder this node may write to");
  if (::access(dir.c_str(), W_OK | X_OK) != 0) {
    return folder_error(dir, errno_text(errno) + "; the node must be able to write to this folder");
  }
  std::unique_ptr<VoteStore> store(new VoteStore(dir + "/vote.db", topology, self));
  bool remains = false;
  for (const char* name : {"vote.created", "vote.db-wal", "vote.db-shm", "vote.db-journal"}) {
    remains = remains || fs::exists(fs::path(dir) / name, error);
  }
  if (!fs::exists(store->path_, error)) {
    if (remains) {
      return Error{ErrorCode::corrupt, "vote store " + store->path_ +
                                           ": missing, though a vote was kept in this folder" +
                                           kRestoreAdvice};
    }
    const Status created = store->create();
    if (!created.ok()) return created.error();
  }
  const Status loaded = store->load();
  if (!loaded.ok()) return loaded.error();
  return store;
}

// The file gets its name only when it is complete and synced, so that a crash in between leaves
// either no store or a whole one.
Status VoteStore::create() {
  const std::string unfinished = path_ + ".new";
  std::error_code error;
  fs::remove(unfinished, error);
  fs::remove(unfinished + "-journal", error);
  {
    Database fresh(unfinished);
    Status done = fresh.open(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (done.ok()) done = fresh.run("PRAGMA synchronous = FULL");
    if (done.ok()) done = fresh.run(kCreate);
    if (done.ok()) done = fresh.save(row_of(topology_, self_, VoteRecord{}));
    if (!done.ok()) return done;
  }
  // A hard link fails where a rename would replace the store of another process that was faster.
  if (::link(unfinished.c_str(), path_.c_str()) != 0 && errno != EEXIST) {
    return folder_error(path_, errno_text(errno));
  }
  fs::remove(unfinished, error);
  return sync_folder(fs::path(path_).parent_path());
}

Status VoteStore::load() {
  const std::uintmax_t size = [&] {
    std::error_code error;
    const auto bytes = fs::is_regular_file(path_, error) ? fs::file_size(path_, error) : 0;
    return error ? 0 : bytes;
  }();
  if (size == 0) {  // SQLite would take an empty file for a new database
    return Error{ErrorCode::corrupt,
                 "vote store " + path_ + ": empty or not a file" + kRestoreAdvice};
  }
  database_ = std::make_unique<Database>(path_);
  Status done = database_->open(SQLITE_OPEN_READWRITE);
  if (done.ok()) done = database_->run("PRAGMA locking_mode = EXCLUSIVE");
  if (done.ok()) done = database_->run("PRAGMA journal_mode = WAL");
  if (done.ok()) done = database_->run("PRAGMA synchronous = FULL");
  // Takes the lock for as long as this object lives, and shows whether the disk takes writes.
  if (done.ok()) done = database_->run("BEGIN EXCLUSIVE; COMMIT");
  if (!done.ok()) return done;
  const auto check = database_->text("PRAGMA quick_check");
  if (!check.ok()) return check.error();
  if (*check != "ok") {
    return Error{ErrorCode::corrupt,
                 "vote store " + path_ + ": damaged: " + *check + kRestoreAdvice};
  }
  const auto row = database_->load();
  if (!row.ok()) return row.error();
  const Row own = row_of(topology_, self_, VoteRecord{});
  if (row->cluster != own.cluster || row->region != own.region || row->node != own.node) {
    return Error{ErrorCode::refused,
                 "vote store " + path_ + ": belongs to node " + row->region + "/" + row->node +
                     " of cluster '" + row->cluster + "', this is node " + own.region + "/" +
                     own.node + " of cluster '" + own.cluster + "'; give each node its own folder"};
  }
  if (row->epoch != 0) {
    stored_ = VoteRecord{.epoch = Epoch{static_cast<std::uint64_t>(row->epoch)},
                         .region = topology_.find_region(row->supports).value_or(kNoRegion),
                         .lease = Duration(row->lease_ns)};
  }
  return mark_created();
}

Status VoteStore::mark_created() const {
  const fs::path folder = fs::path(path_).parent_path();
  const fs::path mark = folder / "vote.created";
  std::error_code error;
  if (fs::exists(mark, error)) return Done{};
  const int fd = ::open(mark.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return folder_error(mark, errno_text(errno));
  ::close(fd);
  return sync_folder(folder);
}

Status VoteStore::save(const VoteRecord& record) {
  const Status saved = database_->save(row_of(topology_, self_, record));
  if (saved.ok()) stored_ = record;
  return saved;
}

}  // namespace regent
