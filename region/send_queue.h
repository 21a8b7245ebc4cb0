#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace regent {

// Bytes that a socket did not take yet. Takes no more than about twice the memory of what waits,
// also when new bytes come for ever before the last ones have gone.
class SendQueue {
 public:
  void push(std::string_view data) { bytes_.append(data); }
  std::string_view view() const { return std::string_view(bytes_).substr(sent_); }
  std::size_t size() const { return bytes_.size() - sent_; }
  bool empty() const { return size() == 0; }
  void pop(std::size_t count) {
    sent_ += count;
    if (sent_ == bytes_.size()) {
      // A burst's memory is given back; a small buffer stays for the next time.
      if (bytes_.capacity() > kKeptBytes) std::string().swap(bytes_);
      bytes_.clear();
      sent_ = 0;
    } else if (sent_ > kKeptBytes && sent_ > bytes_.size() / 2) {
      bytes_.erase(0, sent_);
      sent_ = 0;
    }
  }

 private:
  static constexpr std::size_t kKeptBytes = 64 * 1024;
  std::string bytes_;
  std::size_t sent_ = 0;
};

}  // namespace regent
