#include "daemon/logging/logging.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <spdlog/formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace skiptrain::daemon {
namespace {

constexpr std::array<std::pair<LogLevel, spdlog::level::level_enum>, 6> kLevels = {{
    {LogLevel::kTrace, spdlog::level::trace},
    {LogLevel::kDebug, spdlog::level::debug},
    {LogLevel::kInfo, spdlog::level::info},
    {LogLevel::kWarn, spdlog::level::warn},
    {LogLevel::kError, spdlog::level::err},
    {LogLevel::kOff, spdlog::level::off},
}};

LogLevel from_spdlog(spdlog::level::level_enum level) {
  for (const auto& [ours, theirs] : kLevels) {
    if (theirs == level) return ours;
  }
  return LogLevel::kError;  // spdlog's "critical", which has no word of ours
}

// "2024-05-31T12:00:00.123Z"
std::string utc_time(spdlog::log_clock::time_point time) {
  const std::time_t seconds = spdlog::log_clock::to_time_t(time);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count() % 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + size, text.size() - size, ".%03dZ", static_cast<int>(ms));
  return text.data();
}

void append(spdlog::memory_buf_t& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

class TextFormatter : public spdlog::formatter {
 public:
  explicit TextFormatter(std::string node) : node_(std::move(node)) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    append(out, utc_time(message.time) + " ");
    message.color_range_start = out.size();
    append(out, to_string(from_spdlog(message.level)));
    message.color_range_end = out.size();
    append(out, " " + node_ + ": ");
    for (const char c : std::string_view(message.payload.data(), message.payload.size())) {
      if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
        out.push_back(c);
        continue;
      }
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\x%02x", static_cast<unsigned char>(c));
      append(out, escape.data());
    }
    out.push_back('\n');
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<TextFormatter>(node_);
  }

 private:
  std::string node_;
};

class JsonFormatter : public spdlog::formatter {
 public:
  explicit JsonFormatter(std::string node) : node_(std::move(node)) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const nlohmann::ordered_json line = {
        {"time", utc_time(message.time)},
        {"level", to_string(from_spdlog(message.level))},
        {"node", node_},
        {"message", std::string_view(message.payload.data(), message.payload.size())},
    };
    append(out, line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>(node_);
  }

 private:
  std::string node_;
};

// What `reopen_log` needs again. The dist_sink stands before the real one, so that a file can be
// replaced while other threads log.
struct Log {
  std::mutex mutex;
  LogSettings settings;
  std::string node;
  std::shared_ptr<spdlog::sinks::dist_sink_mt> front;
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> recent;  // survives a reopening
};

Log& the_log() {
  static Log log;
  return log;
}

std::unique_ptr<spdlog::formatter> make_formatter(const LogSettings& settings,
                                                  const std::string& node) {
  if (settings.format == LogFormat::kJson) return std::make_unique<JsonFormatter>(node);
  return std::make_unique<TextFormatter>(node);
}

Result<spdlog::sink_ptr> open_sink(const LogSettings& settings, const std::string& node) {
  spdlog::sink_ptr sink;
  try {
    if (settings.file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file.string());
    }
  } catch (const spdlog::spdlog_ex& error) {
    return fail(ErrorCode::kUnavailable,
                "log.file = " + settings.file.string() + ": cannot be opened: " + error.what());
  }
  sink->set_formatter(make_formatter(settings, node));
  return sink;
}

}  // namespace

Status start_logging(const LogSettings& settings, std::string_view node_name) {
  Log& log = the_log();
  const std::scoped_lock lock(log.mutex);
  auto sink = open_sink(settings, std::string(node_name));
  if (!sink) return tl::unexpected<Error>(std::move(sink.error()));
  log.settings = settings;
  log.node = node_name;
  log.recent = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(kRecentLogLines);
  log.recent->set_formatter(std::make_unique<TextFormatter>(log.node));
  log.front = std::make_shared<spdlog::sinks::dist_sink_mt>();
  log.front->set_sinks({*std::move(sink), log.recent});
  const auto logger = std::make_shared<spdlog::logger>("skiptrain", log.front);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(logger);
  set_log_level(settings.level);
  return {};
}

Status reopen_log() {
  Log& log = the_log();
  const std::scoped_lock lock(log.mutex);
  if (log.front == nullptr || log.settings.file.empty()) return {};
  auto sink = open_sink(log.settings, log.node);
  if (!sink) return tl::unexpected<Error>(std::move(sink.error()));
  log.front->set_sinks({*std::move(sink), log.recent});
  return {};
}

std::vector<std::string> recent_log_lines(std::size_t most) {
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> recent;
  {
    Log& log = the_log();
    const std::scoped_lock lock(log.mutex);
    recent = log.recent;
  }
  if (recent == nullptr) return {};
  std::vector<std::string> lines = recent->last_formatted(most);
  for (std::string& line : lines) {
    if (line.ends_with('\n')) line.pop_back();
  }
  return lines;
}

void set_log_level(LogLevel level) {
  for (const auto& [ours, theirs] : kLevels) {
    if (ours == level) spdlog::set_level(theirs);
  }
}

LogLevel log_level() {
  return from_spdlog(spdlog::get_level());
}

}  // namespace skiptrain::daemon
