#include "daemon/metrics/http_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/metrics/page.h"

namespace skiptrain::daemon {
namespace {

// Prometheus, a prober and a person at once; one more to spare.
constexpr std::size_t kThreads = 4;
// Connections that were accepted and wait for a thread. While they are so many, the kernel's queue
// holds the rest.
constexpr std::size_t kMaxWaiting = 16;
constexpr time_t kReadTimeoutSeconds = 2;
constexpr time_t kWriteTimeoutSeconds = 5;
constexpr time_t kKeepAliveSeconds = 2;
constexpr std::size_t kKeepAliveRequests = 100;
constexpr std::size_t kMaxBodyBytes = 1024;

constexpr int kOk = 200;
constexpr int kUnavailable = 503;
constexpr const char* kPlain = "text/plain; charset=utf-8";

// cpp-httplib's own pool takes in connections without limit. This one lets the thread that accepts
// wait. `enqueue` returns nothing in Debian 12's version and bool in later ones.
class BoundedPool final : public httplib::TaskQueue {
 public:
  using Task = std::function<void()>;
  using Enqueued = decltype(std::declval<httplib::TaskQueue&>().enqueue(Task()));

  BoundedPool() {
    for (std::size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { work(); });
  }

  Enqueued enqueue(Task task) override {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return waiting_.size() < kMaxWaiting; });
      waiting_.push_back(std::move(task));
    }
    changed_.notify_all();
    return Enqueued(true);
  }

  // What waits is still done: each task owns its connection.
  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void work() {
    for (;;) {
      Task task;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        task = std::move(waiting_.front());
        waiting_.pop_front();
      }
      changed_.notify_all();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> waiting_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

std::string host_port(const std::string& host, int port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Error cannot_listen(const HttpAddress& at, int reason) {
  std::string message = "metrics.listen " + host_port(at.host, at.port) + ": cannot listen there: ";
  switch (reason) {
    case EADDRINUSE:
      message += "another process listens on that port; name another, or 0 for any free one";
      break;
    case EADDRNOTAVAIL:
      message += "the address is none of this machine's; name one that `ip address` shows";
      break;
    case EACCES:
      message += "ports below 1024 need root; name a higher one";
      break;
    default:
      message += reason != 0 ? std::string(std::strerror(reason)) : "no such host";
      message += "; name an address of this machine, such as 127.0.0.1:9464";
  }
  return {ErrorCode::kUnavailable, std::move(message)};
}

// Answers are of one line.
std::string line_of(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text + "\n";
}

void answer(httplib::Response& response, int status, const std::string& text,
            const char* type = kPlain) {
  response.status = status;
  response.set_content(text, type);
}

}  // namespace

struct MetricsServer::Impl {
  httplib::Server http;
  HttpAnswers answers;
  std::string address;
  std::thread thread;

  using Handler = std::function<void(httplib::Response&)>;

  void serve(const char* path, Handler handler) {
    http.Get(path, [this, handler = std::move(handler)](const httplib::Request&,
                                                        httplib::Response& response) {
      response.set_header("Cache-Control", "no-store");
      if (!answers.is_alive()) {
        return answer(response, kUnavailable, "the main loop does not answer\n");
      }
      handler(response);
    });
  }

  void set_up() {
    serve("/livez", [](httplib::Response& response) { answer(response, kOk, "ok\n"); });
    serve("/readyz", [this](httplib::Response& response) {
      const Readiness now = answers.readiness();
      answer(response, now.ready ? kOk : kUnavailable, line_of(now.reason));
    });
    serve("/metrics", [this](httplib::Response& response) {
      answer(response, kOk, answers.metrics(), kMetricsContentType);
    });
    http.set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty()) {
        response.set_content("there are /metrics, /livez and /readyz\n", kPlain);
      }
    });
    // The library's default is SO_REUSEPORT, with which a second daemon of this user could take the
    // same port, and half of the scrapes.
    http.set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    http.set_read_timeout(kReadTimeoutSeconds);
    http.set_write_timeout(kWriteTimeoutSeconds);
    http.set_keep_alive_timeout(kKeepAliveSeconds);
    http.set_keep_alive_max_count(kKeepAliveRequests);
    http.set_payload_max_length(kMaxBodyBytes);
    http.new_task_queue = [] { return new BoundedPool; };
  }
};

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetricsServer::MetricsServer(MetricsServer&&) noexcept = default;

MetricsServer::~MetricsServer() {
  stop();
}

Result<MetricsServer> MetricsServer::bind(const HttpAddress& at, HttpAnswers answers) {
  auto impl = std::make_unique<Impl>();
  impl->answers = std::move(answers);
  impl->set_up();
  errno = 0;
  int port = at.port;
  if (port == 0) {
    port = impl->http.bind_to_any_port(at.host);
  } else if (!impl->http.bind_to_port(at.host, port)) {
    port = -1;
  }
  if (port < 0) return tl::unexpected(cannot_listen(at, errno));
  impl->address = host_port(at.host, port);
  return MetricsServer(std::move(impl));
}

void MetricsServer::serve() {
  impl_->thread = std::thread([http = &impl_->http] { http->listen_after_bind(); });
  // `stop` has no effect on a server that does not run yet; Debian 12's version cannot wait for it.
  while (!impl_->http.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

const std::string& MetricsServer::address() const {
  return impl_->address;
}

void MetricsServer::stop() {
  if (!impl_ || !impl_->thread.joinable()) return;
  impl_->http.stop();
  impl_->thread.join();
}

}  // namespace skiptrain::daemon
