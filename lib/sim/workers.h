// The threads that train, evaluate and mix. Inside lib/sim only.
//
// Jobs of one strand (one trainer's handle) run one after the other, in the order in which they
// were submitted; jobs of different strands run at once. The thread that submits is one of the
// workers: while it waits for a job it runs that job, or another. With one worker there are no
// threads at all, and a job runs when it is waited for.
//
// All calls from one thread, the simulation's.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace skiptrain::sim {

// Something to compute. Its owner keeps it alive until it was waited for or discarded.
class Job {
 public:
  virtual ~Job() = default;
  // On any worker. Must not throw.
  virtual void run() = 0;

 private:
  friend class Workers;
  enum class State : std::uint8_t { kIdle, kBehind, kReady, kRunning, kDone };
  State state_ = State::kIdle;
  std::uint32_t strand_ = 0;
  Job* next_of_strand_ = nullptr;
  Job* previous_ready_ = nullptr;
  Job* next_ready_ = nullptr;
};

class Workers {
 public:
  // `count` >= 1, the calling thread among them. Strands are numbered from 0.
  Workers(std::size_t count, std::size_t strands);
  // Discards what has not started and joins the threads.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  std::size_t count() const { return threads_.size() + 1; }

  // The job is not one that was submitted and neither waited for nor discarded.
  void submit(Job& job, std::uint32_t strand);
  // Returns when the job has run.
  void wait(Job& job);
  // The job will not run, or has ended running, when this returns.
  void discard(Job& job);

  // body(0) to body(count - 1), each once, on all workers that are free.
  void for_each(std::size_t count, const std::function<void(std::size_t)>& body);

 private:
  struct Strand {
    Job* first = nullptr;  // ready or running
    Job* last = nullptr;
  };
  struct Loop {
    const std::function<void(std::size_t)>& body;
    std::size_t count;
    std::atomic<std::size_t> next{0};
    std::size_t helpers = 0;  // threads within; under the mutex
  };

  void work();
  static void help(Loop& loop);
  // All of these under the mutex.
  void make_ready(Job& job, bool at_front);
  void unlink_ready(Job& job);
  void finish(Job& job);
  void run_unlocked(Job& job, std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable wake_;  // of the threads
  std::condition_variable done_;  // of the calling thread
  std::vector<Strand> strands_;
  Job* first_ready_ = nullptr;
  Job* last_ready_ = nullptr;
  Loop* loop_ = nullptr;
  std::size_t sleeping_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace skiptrain::sim
