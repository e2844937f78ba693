/* One link at a time between the two, in order and exactly once while it lasts, as a session gives it; and messages of
 * links that are long gone, as no session should. */
#include "sim.h"

static enum belongs life_of(enum host host)
{
    return host == SOURCE ? TO_SOURCE_LIFE : TO_DESTINATION_LIFE;
}

static enum host other(enum host host)
{
    return host == SOURCE ? DESTINATION : SOURCE;
}

/* ---- an end of a link ---- */

static void lost_at_source(struct world *w, unsigned link);
static void lost_at_destination(struct world *w, unsigned link);

static void lost(struct world *w, enum host host, unsigned link)
{
    struct fy_error err = FY_ERROR_INIT;
    if (w->link == link)
        w->link = 0;
    if (w->hosts[host].link != link)
        return; /* another one has taken its place */
    w->hosts[host].link = 0;
    if (w->hosts[other(host)].link == link) /* it may have come to it only when it was being closed */
        sim_at(w, sim_delay(w), life_of(other(host)), host == SOURCE ? lost_at_destination : lost_at_source,
               "link lost at the other side", link);
    fy_error_set(&err, FY_E_UNREACHABLE, "the link was lost");
    if (host == SOURCE)
        fy_source_link_lost(&w->source, &err);
    else
        fy_destination_link_lost(&w->destination, &err);
}

static void lost_at_source(struct world *w, unsigned link)
{
    lost(w, SOURCE, link);
}

static void lost_at_destination(struct world *w, unsigned link)
{
    lost(w, DESTINATION, link);
}

static void learns(struct world *w, enum host host, unsigned link, uint64_t delay_us)
{
    if (w->hosts[host].link == link)
        sim_at(w, delay_us, life_of(host), host == SOURCE ? lost_at_source : lost_at_destination,
               host == SOURCE ? "link lost at source" : "link lost at destination", link);
}

void net_lose(struct world *w)
{
    unsigned link = w->link;
    if (link == 0)
        return;
    sim_trace(w, "link %u is lost", link);
    w->link = 0;
    learns(w, SOURCE, link, sim_delay(w));
    learns(w, DESTINATION, link, sim_delay(w));
}

void net_host_died(struct world *w, enum host host)
{
    net_lose(w); /* also one that it has only just accepted */
    w->hosts[host].link = 0;
}

static void given_up(struct world *w, unsigned arg)
{
    (void)arg;
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_CANCELLED, "given up");
    fy_source_link_lost(&w->source, &err);
}

void net_close(struct world *w, enum host from)
{
    unsigned link = w->hosts[from].link;
    uint64_t farewell_us = sim_delay(w);
    if (link == 0) { /* it is still being dialed */
        w->dial = 0;
        sim_at(w, farewell_us, TO_SOURCE_LIFE, given_up, "dialing was given up", 0);
        return;
    }
    uint64_t arrival_us = w->last_arrival_us[SOURCE] > w->last_arrival_us[DESTINATION]
                              ? w->last_arrival_us[SOURCE]
                              : w->last_arrival_us[DESTINATION];
    uint64_t wait_us = link == w->link && arrival_us > w->now_us ? arrival_us - w->now_us : 0;
    learns(w, SOURCE, link, wait_us + farewell_us + 1);
    learns(w, DESTINATION, link, wait_us + farewell_us + 1);
}

/* ---- messages ---- */

static void arrive(struct world *w, unsigned arg)
{
    const struct message *message = &w->messages[arg >> 1];
    enum host to = arg & 1 ? DESTINATION : SOURCE;
    if (message->link != w->link)
        return;
    if (to == DESTINATION)
        sim_destination_receives(w, message);
    else if (w->hosts[SOURCE].link == message->link)
        sim_source_receives(w, message);
}

static void post(struct world *w, enum host from, struct message message)
{
    unsigned index = w->message_count++ % SIM_MESSAGES;
    uint64_t arrival_us = w->now_us + sim_delay(w);
    enum host to = other(from);
    message.link = w->hosts[from].link;
    w->messages[index] = message;
    if (message.link == 0 || message.link != w->link)
        return;
    if (arrival_us <= w->last_arrival_us[to])
        arrival_us = w->last_arrival_us[to] + 1;
    w->last_arrival_us[to] = arrival_us;
    sim_at(w, arrival_us - w->now_us, life_of(to), arrive, "message arrives", index << 1 | to);
}

void net_send(struct world *w, enum host from, unsigned kind)
{
    post(w, from, (struct message){.kind = kind});
}

void net_say(struct world *w, enum host from, enum fy_saying saying)
{
    sim_trace(w, "%s says %u", from == SOURCE ? "source" : "destination", saying);
    post(w, from, (struct message){.is_saying = true, .saying = saying, .epoch = w->epoch});
}

/* Its answer is nobody's: whoever sent it is gone. */
void net_repeat(struct world *w)
{
    struct fy_error why = FY_ERROR_INIT;
    if (w->message_count == 0)
        return;
    unsigned known = w->message_count < SIM_MESSAGES ? w->message_count : SIM_MESSAGES;
    struct message message = w->messages[sim_below(w, known)];
    static const enum fy_saying old[] = {FY_SAY_COMMIT, FY_SAY_ABORT, FY_SAY_RESOLVE_COMMIT, FY_SAY_PREPARED,
                                         FY_SAY_DONE};
    if (sim_chance(w, 50))
        message = (struct message){.is_saying = true, .saying = old[sim_below(w, 5)], .epoch = w->epoch ^ 2};
    if (!message.is_saying)
        return;
    fy_error_set(&why, FY_E_REMOTE, "said before");
    bool to_destination = message.saying <= FY_SAY_RESOLVE_ABORT;
    sim_trace(w, "once more: %u, epoch %s", message.saying, message.epoch == w->epoch ? "ours" : "another");
    if (to_destination && w->destination_began && w->hosts[DESTINATION].is_up && !w->hosts[DESTINATION].ended)
        (void)fy_destination_heard(&w->destination, message.saying, message.epoch, &why);
    else if (!to_destination && w->hosts[SOURCE].is_up && !w->hosts[SOURCE].ended)
        (void)fy_source_heard(&w->source, message.saying, message.epoch, &why);
}

/* ---- dialing ---- */

static void dialed(struct world *w, unsigned number)
{
    struct fy_error err = FY_ERROR_INIT;
    if (w->dial != number)
        return;
    if (w->net_is_cut || !w->hosts[DESTINATION].is_up || (w->chaos && sim_chance(w, 5))) {
        fy_error_set(&err, FY_E_UNREACHABLE, "nobody answers");
        fy_source_link_lost(&w->source, &err);
        return;
    }
    w->link = w->hosts[SOURCE].link = ++w->links;
    w->last_arrival_us[SOURCE] = w->last_arrival_us[DESTINATION] = 0;
    fy_source_greeted(&w->source);
}

void net_dial(struct world *w)
{
    w->dial = ++w->dials;
    sim_at(w, sim_delay(w), TO_SOURCE_LIFE, dialed, "dialed", w->dial);
}
