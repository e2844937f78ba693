/* One migration in a world of its own: both real machines of ferry/agent/switchover.h over a played network, clock,
 * disk and CRIU, all from one seed. Time is virtual; an event is a function that runs at its time.
 *
 *     chaos   messages are late, links are cut, programs and hosts die and come back, disks are full, at any step
 *     heal    everything is up and answers; the machines bring the job to its end by themselves
 *     settle  an operator does what only an operator can; then what is left is judged
 *
 * After every event: never do two copies run. At the end exactly one does, or none where a host took it down. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <ferry/agent/switchover_destination.h>
#include <ferry/agent/switchover_group.h>
#include <ferry/agent/switchover_source.h>
#include <stdio.h>

enum host { SOURCE, DESTINATION };

enum tasks_state { TASKS_RUN, TASKS_FROZEN, TASKS_PARTLY, TASKS_DEAD };
enum copy_state { COPY_NONE, COPY_HELD, COPY_RUNS };

struct world;
typedef void (*sim_action)(struct world *w, unsigned arg);

/* What an event belongs to: it does nothing when that has ended in the meantime. */
enum belongs { TO_WORLD, TO_SOURCE_LIFE, TO_DESTINATION_LIFE, TO_DUMP, TO_RESTORE_SOURCE, TO_RESTORE_DESTINATION };

struct sim_event {
    uint64_t time_us;
    uint64_t order;
    sim_action action;
    const char *name;
    unsigned arg;
    enum belongs belongs;
    unsigned incarnation;
};

/* A journal on a disk: what is on it, and what is on its way. */
struct disk {
    enum fy_stage stage; /* what a crash leaves */
    uint64_t epoch;
    enum fy_stage writing;
    bool is_writing;
    bool in_transaction; /* with those of the others of its group */
    bool is_full;
};

/* CRIU restoring on a host, and the copy that it has made. */
struct restore {
    bool alive; /* CRIU is there, and asks ferryd before it lets tasks run */
    bool run_given;
    unsigned life; /* the ferryd that has started it */
    enum copy_state copy;
    bool set_kept; /* the image set is there to restore from */
};

struct sim_host {
    bool is_up;    /* its ferryd */
    bool is_gone;  /* for good */
    unsigned link; /* that its machine holds; 0: none */
    unsigned life;
    bool ended; /* the job's record says so */
    bool ended_is_durable;
    bool completed;
    struct disk disk;
    struct restore restore;
    unsigned deadline; /* number of the one that is armed; 0: none */
};

struct message {
    unsigned link;
    bool is_saying;
    enum fy_saying saying;
    uint64_t epoch;
    unsigned kind; /* else */
};

#define SIM_EVENTS 512u
#define SIM_MESSAGES 256u

/* Migrations of one group are worlds of one time: the hosts, the net and the disks fail for all of them at once. */
#define SIM_MEMBERS 3u
struct group {
    struct world *members;
    unsigned count;
    struct fy_group core; /* the source's, of the ferryd that lives */
    bool transaction;     /* what is written now belongs together */
};

struct world {
    struct group *group; /* NULL: it moves alone */
    uint64_t seed, random, now_us, orders;
    FILE *trace;
    struct sim_event queue[SIM_EVENTS];
    unsigned queued;
    unsigned events, checks;
    bool chaos; /* faults may still come */
    unsigned faults_left;
    bool early_faults; /* also long before the decision */

    struct fy_source source;
    struct fy_destination destination;
    bool destination_began;
    bool source_is_known; /* the destination has it as a peer, and can ask */
    unsigned question, questions;
    unsigned deadlines;
    struct sim_host hosts[2];

    bool net_is_cut;
    unsigned link; /* that carries; 0: none */
    unsigned links;
    unsigned dial, dials;        /* the attempt that goes on; 0: none */
    uint64_t last_arrival_us[2]; /* on it, to each side */
    struct message messages[SIM_MESSAGES];
    unsigned message_count;

    enum tasks_state tasks;
    bool dump_alive;
    bool dump_kill_given, dump_resume_given;
    unsigned dumps;
    unsigned dump_life;       /* the ferryd that has started it */
    bool traces;              /* in the host's memory: of the dump, */
    bool pinned;              /* and that its CRIU was stopped */
    bool ran_when_pinned;     /* CRIU was killed all the same, with nobody there to see it */
    bool set_whole_at_source; /* nothing was given back while it was sent */
    bool durable;
    bool clumsy_restores; /* a restore may fail */
    uint64_t epoch;

    bool source_power_lost; /* with the workload on it */
    bool destination_power_lost;
    bool ran_after_dump; /* the source's tasks went on after their memory had been taken */
    bool kill_began;
    const char *broken; /* which rule */
};

/* ---- world.c ---- */
void sim_fail(struct world *w, const char *rule);
uint64_t sim_random(struct world *w);
unsigned sim_below(struct world *w, unsigned limit);
bool sim_chance(struct world *w, unsigned percent);
/* Mostly short, now and then very long. */
uint64_t sim_delay(struct world *w);
void sim_at(struct world *w, uint64_t delay_us, enum belongs belongs, sim_action action, const char *name,
            unsigned arg);
bool sim_step(struct world *w);
void sim_trace(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_check(struct world *w);
/* The worlds of which this is one, and how many. */
struct world *sim_members(struct world *w);
unsigned sim_member_count(const struct world *w);

/* ---- group.c ---- */
void group_ready(struct world *w);
void group_pinned(struct world *w, const struct fy_error *err);
void group_given_up(struct world *w);
/* The source's ferryd starts again. */
bool group_goes_on(const struct group *group);
void group_judge(struct group *group);

/* ---- disk.c ---- */
void disk_write(struct world *w, enum host host, enum fy_stage stage);
void disk_crash(struct world *w, enum host host, bool is_there);
/* Writes what was handed in as one transaction of the group. */
void disk_transaction(struct group *group);

/* ---- net.c ---- */
enum { MESSAGE_HELLO, MESSAGE_OFFER, MESSAGE_ANSWER, MESSAGE_SET, MESSAGE_RECEIVED };
void net_dial(struct world *w);
void net_send(struct world *w, enum host from, unsigned kind);
void net_say(struct world *w, enum host from, enum fy_saying saying);
/* The program of that side has died. */
void net_host_died(struct world *w, enum host host);
/* This side lets go of the link: what is under way still arrives, then both learn. */
void net_close(struct world *w, enum host from);
/* The link is lost with all that is under way. */
void net_lose(struct world *w);
/* An old message once more, or one of another epoch. */
void net_repeat(struct world *w);

/* ---- criu.c ---- */
void criu_dump(struct world *w);
void criu_kill(struct world *w);
void criu_resume(struct world *w);
void criu_pin(struct world *w);
void criu_ferryd_died(struct world *w, enum host host);
void criu_dies(struct world *w, enum host host);
void criu_settle_dump(struct world *w, enum fy_source_settling settling);
void criu_restore(struct world *w, enum host host);
void criu_run(struct world *w, enum host host);
void criu_drop(struct world *w, enum host host);
void criu_settle_restore(struct world *w, enum host host);

/* ---- source.c, destination.c ---- */
extern const struct fy_source_ops sim_source_ops;
extern const struct fy_destination_ops sim_destination_ops;
void sim_source_receives(struct world *w, const struct message *message);
void sim_destination_receives(struct world *w, const struct message *message);
enum fy_saying sim_source_decision(const struct world *w);

/* ---- faults.c ---- */
void sim_crash(struct world *w, enum host host, bool power_lost);
void sim_start(struct world *w, unsigned host);
void sim_crash_and_start(struct world *w, enum host host, bool power_lost);
void sim_inject(struct world *w);
void sim_heal(struct world *w);
void sim_operate(struct world *w, unsigned attempts);
void sim_judge(struct world *w);

/* Runs one seed from beginning to end: `count` migrations that move together, or one that moves alone. */
void sim_run(struct world *worlds, unsigned count, uint64_t seed, FILE *trace);

#endif
