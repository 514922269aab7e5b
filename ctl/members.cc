// `members`, `leave`, `force-leave` and `keyring`: who is in a cluster whose nodes find each other.
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/node_command.h"

namespace skiptrain::ctl {
namespace {

using Member = v1::ListMembersResponse::Member;

std::string state_word(v1::MemberState state) {
  switch (state) {
    case v1::MEMBER_STATE_ALIVE:
      return "alive";
    case v1::MEMBER_STATE_SUSPECT:
      return "suspect";
    case v1::MEMBER_STATE_FAILED:
      return "failed";
    case v1::MEMBER_STATE_LEFT:
      return "left";
    default:
      return "state " + std::to_string(state);  // of a newer daemon
  }
}

Style state_style(v1::MemberState state) {
  if (state == v1::MEMBER_STATE_ALIVE) return Style::kGood;
  return state == v1::MEMBER_STATE_LEFT ? Style::kDim : Style::kBad;
}

std::string tags_text(const Member& member) {
  std::string text;
  for (const auto& tag : member.tags()) {
    text += (text.empty() ? "" : ",") + tag.key() + "=" + tag.value();
  }
  return text.empty() ? "-" : text;
}

Row member_row(const Member& m) {
  return {Cell(node_text(m.node_id(), m.node_name()) + (m.self() ? " (asked)" : "")),
          Cell(std::to_string(m.node_id())),
          Cell(state_word(m.state()) + (m.udp_blocked() ? ", no UDP" : ""), state_style(m.state())),
          Cell(seconds_text(m.since_seconds())),
          Cell(m.peer_address()),
          Cell(std::to_string(m.incarnation())),
          Cell(m.profile()),
          Cell(std::to_string(m.data_samples())),
          Cell(tags_text(m))};
}

void print_gossip(const v1::ListMembersResponse& answer, Screen& screen) {
  std::uint64_t dropped = 0;
  for (const auto& [reason, count] : answer.gossip().dropped()) dropped += count;
  if (dropped > 0) {
    screen.out << dropped << " packets dropped:";
    for (const auto& [reason, count] : answer.gossip().dropped()) {
      screen.out << ' ' << count << ' ' << reason;
    }
    screen.out << "; the last: " << answer.gossip().last_drop() << '\n';
  }
  if (answer.health_score() > 0) {
    screen.out << "this node's own probing is slow (health score " << answer.health_score()
               << " of 8): it waits longer before it suspects others\n";
  }
}

NodeCommand<v1::ListMembersResponse> members_command() {
  auto command = table_command<v1::ListMembersResponse>(
      [](Client& client) { return client.members(); },
      {"member", ">id", "state", ">since", "address", ">start", "profile", ">samples", "tags"},
      [](const v1::ListMembersResponse& answer) {
        std::vector<Row> rows;
        for (const Member& member : answer.members()) rows.push_back(member_row(member));
        return rows;
      });
  command.print = [table = command.print](const v1::ListMembersResponse& answer, Screen& screen) {
    table(answer, screen);
    print_gossip(answer, screen);
  };
  return command;
}

// ---- Keys ------------------------------------------------------------------------------------

NodeCommand<v1::ListKeysResponse> keys_command(
    std::function<Outcome<v1::ListKeysResponse>(Client&)> ask) {
  return table_command<v1::ListKeysResponse>(
      std::move(ask), {"key", "use"}, [](const v1::ListKeysResponse& answer) {
        std::vector<Row> rows;
        for (const auto& key : answer.keys()) {
          rows.push_back({Cell(key.id()), Cell(key.in_use() ? "seals and opens" : "opens")});
        }
        return rows;
      });
}

Failure file_failure(const std::string& path, const char* what) {
  return {ExitCode::kError, path + ": " + what + ": " + std::strerror(errno), ""};
}

// A fresh key of 32 random bytes, base64.
Outcome<std::string> fresh_key() {
  std::array<unsigned char, 32> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return failure(ExitCode::kError, "the system gives no random bytes");
  }
  std::array<unsigned char, 4 * (sizeof bytes + 2) / 3 + 4> text{};
  const int size = EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  return std::string(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(size));
}

// Never over a file that is there: that would shut the node out of its cluster.
Outcome<ExitCode> generate(Context& context, const std::string& path) {
  const auto key = fresh_key();
  if (!key) return tl::unexpected(key.error());
  if (path.empty()) {
    context.screen.out << *key << '\n';
    return ExitCode::kOk;
  }
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    Failure why = file_failure(path, "cannot be made");
    if (errno == EEXIST) why.hint = "it is there already; choose another name, or remove it first";
    return tl::unexpected(why);
  }
  const std::string content = "skiptrain-keyring 1\n" + *key + "\n";
  errno = ENOSPC;  // what a short write means
  const bool written =
      ::write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
      ::fsync(file) == 0;
  const Failure why = file_failure(path, "cannot be written");
  ::close(file);
  if (!written) {
    ::unlink(path.c_str());
    return tl::unexpected(why);
  }
  context.screen.out << path << ": a new key; copy this file to every node of the cluster\n";
  return ExitCode::kOk;
}

void add_keyring_commands(CLI::App& root, Selection& selection) {
  auto* keyring = root.add_subcommand("keyring", "The keys that seal the cluster's gossip");
  keyring->require_subcommand(1);
  const auto text = std::make_shared<std::string>();
  auto* make = keyring->add_subcommand("generate", "Make a new key; asks no daemon");
  make->add_option("FILE", *text, "Where to put it (mode 0600); default: printed");
  make->callback([&selection, text] {
    selection.action = [text](Context& context) { return generate(context, *text); };
  });
  keyring->add_subcommand("list", "The keys of the node, by id")->callback([&selection] {
    selection.action = [](Context& context) {
      return run(context, keys_command([](Client& client) { return client.keys(); }));
    };
  });
  struct Change {
    const char* name;
    const char* what;
    const char* option;
    Outcome<v1::ListKeysResponse> (Client::*ask)(const std::string&);
  };
  static constexpr Change kChanges[] = {
      {"install", "Add a key, to open what others seal with it", "KEY", &Client::install_key},
      {"use", "Seal with this key from now on", "ID", &Client::use_key},
      {"remove", "Forget a key that is not in use", "ID", &Client::remove_key}};
  for (const Change& change : kChanges) {
    const auto value = std::make_shared<std::string>();
    auto* command = keyring->add_subcommand(change.name, change.what);
    command->add_option(change.option, *value, "")->required();
    command->callback([&selection, value, ask = change.ask] {
      selection.action = [value, ask](Context& context) {
        return run(context,
                   keys_command([value, ask](Client& client) { return (client.*ask)(*value); }));
      };
    });
  }
}

}  // namespace

void add_member_commands(CLI::App& root, Selection& selection) {
  root.add_subcommand("members", "Who is in the cluster, as this node sees it")
      ->callback([&selection] {
        selection.action = [](Context& context) { return run(context, members_command()); };
      });
  root.add_subcommand("leave", "Take the node out of run and cluster for good, and end its daemon")
      ->callback([&selection] {
        selection.action = [](Context& context) {
          return run(context, sentence_command<v1::LeaveResponse>(
                                  [](Client& client) { return client.leave(); },
                                  [](const v1::LeaveResponse& answer) {
                                    return "leaves after round " +
                                           std::to_string(answer.after_round());
                                  }));
        };
      });
  auto* force = root.add_subcommand("force-leave", "Remove a member that will not come back");
  const auto id = std::make_shared<std::uint64_t>(0);
  force->add_option("ID", *id, "Its node id")->required();
  force->callback([&selection, id] {
    selection.action = [id](Context& context) {
      return run(context, sentence_command<v1::ForceLeaveResponse>(
                              [id](Client& client) { return client.force_leave(*id); },
                              [id](const v1::ForceLeaveResponse&) {
                                return "node " + std::to_string(*id) + " counts as left";
                              }));
    };
  });
  add_keyring_commands(root, selection);
}

}  // namespace skiptrain::ctl
