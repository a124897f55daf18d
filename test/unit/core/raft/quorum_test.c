/* quorum_test.c - what a majority says, as tables. */
#include "core/raft/quorum.h"

#include "core/base/base.h"
#include "test/t.h"

T(it_takes_more_than_half)
{
	static const uint32_t want[] = { 1, 1, 2, 2, 3, 3, 4, 4, 5, 5 };

	for (uint32_t n = 0; n < ARRAY_LEN(want); n++)
		EQ(raft_quorum_of(n), want[n]);
}

/* A voter each: y, n, or - that has not answered. */
T(votes_are_won_lost_or_pending)
{
	static const struct {
		const char *votes;
		enum raft_outcome want;
	} rows[] = {
		{ "", VOTE_PENDING },	 { "-", VOTE_PENDING },
		{ "y", VOTE_WON },	 { "n", VOTE_LOST },
		{ "--", VOTE_PENDING },	 { "y-", VOTE_PENDING },
		{ "-y", VOTE_PENDING },	 { "yy", VOTE_WON },
		{ "n-", VOTE_LOST }, /* two need both */
		{ "yn", VOTE_LOST },	 { "nn", VOTE_LOST },
		{ "---", VOTE_PENDING }, { "y--", VOTE_PENDING },
		{ "n--", VOTE_PENDING }, { "yy-", VOTE_WON },
		{ "y-y", VOTE_WON },	 { "yyn", VOTE_WON },
		{ "yn-", VOTE_PENDING }, { "nn-", VOTE_LOST },
		{ "nny", VOTE_LOST },	 { "yy--", VOTE_PENDING },
		{ "yyy-", VOTE_WON },	 { "yyn-", VOTE_PENDING },
		{ "yynn", VOTE_LOST }, /* a tie elects nobody */
		{ "n-n-", VOTE_LOST },	 { "yy---", VOTE_PENDING },
		{ "yyy--", VOTE_WON },	 { "nn---", VOTE_PENDING },
		{ "nnn--", VOTE_LOST },	 { "yynn-", VOTE_PENDING },
		{ "yyynn", VOTE_WON },	 { "yyynnnn", VOTE_LOST },
		{ "yyyy---", VOTE_WON }, { "yyynnn-", VOTE_PENDING },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum raft_ballot v[9] = { 0 };
		uint32_t n = (uint32_t)strlen(rows[i].votes);

		T_ROW(rows[i].votes);
		for (uint32_t k = 0; k < n; k++)
			v[k] = rows[i].votes[k] == 'y'	 ? BALLOT_YES
			       : rows[i].votes[k] == 'n' ? BALLOT_NO
							 : BALLOT_NONE;
		EQ(raft_quorum_vote(v, n), rows[i].want);
	}
}

T(committed_is_what_a_majority_has)
{
	static const struct {
		const char *name;
		uint32_t count;
		uint64_t match[7], want;
	} rows[] = {
		{ "nobody", 0, { 0 }, 0 },
		{ "one, unknown", 1, { 0 }, 0 },
		{ "one", 1, { 12 }, 12 },
		{ "two take the lower", 2, { 12, 5 }, 5 },
		{ "two, one unknown", 2, { 12, 0 }, 0 },
		{ "three take the middle", 3, { 1, 101, 99 }, 99 },
		{ "three, one unknown", 3, { 0, 101, 99 }, 99 },
		{ "three, two unknown", 3, { 0, 0, 99 }, 0 },
		{ "three of one mind", 3, { 7, 7, 7 }, 7 },
		{ "three, a tie below", 3, { 7, 7, 9 }, 7 },
		{ "three, a tie above", 3, { 9, 7, 9 }, 9 },
		{ "four take the third", 4, { 4, 3, 2, 1 }, 2 },
		{ "four, a tie", 4, { 8, 8, 2, 2 }, 2 },
		{ "five take the third", 5, { 10, 50, 20, 40, 30 }, 30 },
		{ "five, two unknown", 5, { 0, 50, 0, 40, 30 }, 30 },
		{ "five, three unknown", 5, { 0, 50, 0, 40, 0 }, 0 },
		{ "seven take the fourth", 7, { 7, 1, 6, 2, 5, 3, 4 }, 4 },
		{ "the highest numbers",
		  3,
		  { UINT64_MAX, UINT64_MAX - 1, 0 },
		  UINT64_MAX - 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t match[7];

		T_ROW(rows[i].name);
		memcpy(match, rows[i].match, sizeof(match));
		EQ(raft_quorum_match(match, rows[i].count), rows[i].want);
	}
}
