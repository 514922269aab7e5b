#include "sim/workers.h"

#include "base/check.h"

namespace skiptrain::sim {

Workers::Workers(std::size_t count, std::size_t strands) : strands_(strands) {
  SKIPTRAIN_CHECK(count >= 1, "the calling thread is a worker");
  threads_.reserve(count - 1);
  for (std::size_t i = 1; i < count; ++i) threads_.emplace_back([this] { work(); });
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::submit(Job& job, std::uint32_t strand) {
  SKIPTRAIN_CHECK(job.state_ == Job::State::kIdle || job.state_ == Job::State::kDone,
                  "a job is submitted once at a time");
  job.strand_ = strand;
  job.next_of_strand_ = nullptr;
  if (threads_.empty()) {
    job.state_ = Job::State::kReady;
    return;
  }
  const std::lock_guard lock(mutex_);
  Strand& queue = strands_[strand];
  if (queue.first == nullptr) {
    queue.first = queue.last = &job;
    make_ready(job, false);
  } else {
    queue.last->next_of_strand_ = &job;
    queue.last = &job;
    job.state_ = Job::State::kBehind;
  }
}

void Workers::wait(Job& job) {
  SKIPTRAIN_CHECK(job.state_ != Job::State::kIdle, "only a submitted job can be waited for");
  if (threads_.empty()) {
    if (job.state_ == Job::State::kReady) job.run();
    job.state_ = Job::State::kIdle;
    return;
  }
  std::unique_lock lock(mutex_);
  // Submitting wakes nobody: small jobs would cost more in wake-ups than in work.
  if (sleeping_ > 0 && first_ready_ != nullptr) wake_.notify_all();
  while (job.state_ != Job::State::kDone) {
    Job* head = strands_[job.strand_].first;
    Job* next = head->state_ == Job::State::kReady ? head : first_ready_;
    if (next != nullptr) {
      run_unlocked(*next, lock);
    } else {
      done_.wait(lock);
    }
  }
  job.state_ = Job::State::kIdle;
}

void Workers::discard(Job& job) {
  if (threads_.empty()) {
    job.state_ = Job::State::kIdle;
    return;
  }
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&job] { return job.state_ != Job::State::kRunning; });
  if (job.state_ == Job::State::kReady) {
    unlink_ready(job);
    finish(job);
  } else if (job.state_ == Job::State::kBehind) {
    Strand& queue = strands_[job.strand_];
    Job* before = queue.first;
    while (before->next_of_strand_ != &job) before = before->next_of_strand_;
    before->next_of_strand_ = job.next_of_strand_;
    if (queue.last == &job) queue.last = before;
  }
  job.state_ = Job::State::kIdle;
}

void Workers::for_each(std::size_t count, const std::function<void(std::size_t)>& body) {
  Loop loop{body, count};
  if (threads_.empty() || count < 2) return help(loop);
  {
    const std::lock_guard lock(mutex_);
    loop_ = &loop;
  }
  wake_.notify_all();
  help(loop);
  std::unique_lock lock(mutex_);
  loop_ = nullptr;
  done_.wait(lock, [&loop] { return loop.helpers == 0; });
}

void Workers::help(Loop& loop) {
  for (;;) {
    const std::size_t index = loop.next.fetch_add(1, std::memory_order_relaxed);
    if (index >= loop.count) return;
    loop.body(index);
  }
}

void Workers::work() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (loop_ != nullptr && loop_->next.load(std::memory_order_relaxed) < loop_->count) {
      Loop& loop = *loop_;
      ++loop.helpers;
      lock.unlock();
      help(loop);
      lock.lock();
      if (--loop.helpers == 0) done_.notify_all();
    } else if (first_ready_ != nullptr) {
      run_unlocked(*first_ready_, lock);
    } else {
      ++sleeping_;
      wake_.wait(lock);
      --sleeping_;
    }
  }
}

void Workers::make_ready(Job& job, bool at_front) {
  job.state_ = Job::State::kReady;
  job.previous_ready_ = at_front ? nullptr : last_ready_;
  job.next_ready_ = at_front ? first_ready_ : nullptr;
  (job.previous_ready_ != nullptr ? job.previous_ready_->next_ready_ : first_ready_) = &job;
  (job.next_ready_ != nullptr ? job.next_ready_->previous_ready_ : last_ready_) = &job;
}

void Workers::unlink_ready(Job& job) {
  (job.previous_ready_ != nullptr ? job.previous_ready_->next_ready_ : first_ready_) =
      job.next_ready_;
  (job.next_ready_ != nullptr ? job.next_ready_->previous_ready_ : last_ready_) =
      job.previous_ready_;
}

void Workers::run_unlocked(Job& job, std::unique_lock<std::mutex>& lock) {
  unlink_ready(job);
  job.state_ = Job::State::kRunning;
  lock.unlock();
  job.run();
  lock.lock();
  finish(job);
  done_.notify_all();
}

void Workers::finish(Job& job) {
  job.state_ = Job::State::kDone;
  Strand& queue = strands_[job.strand_];
  queue.first = job.next_of_strand_;
  if (queue.first != nullptr) {
    make_ready(*queue.first, true);
  } else {
    queue.last = nullptr;
  }
}

}  // namespace skiptrain::sim
