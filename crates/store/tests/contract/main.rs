//! The contract of the store: one suite, run on SQLite and on a real PostgreSQL.
//!
//! Owns: what both databases must do alike. What only one of them can do wrong is in its own module at the end.
//! Never: skips; without PostgreSQL's programs the suite fails and says how to get them.

#![allow(clippy::unwrap_used, reason = "a step that fails fails its test")]

mod database;
mod erasure;
mod fold;
mod history;
mod opening;
mod people;
mod postgres_alone;
mod postgres_kept;
mod races;
mod resume;
mod txns;
mod upkeep;
mod verify;
mod visible;
mod world;

use database::Database;

macro_rules! on_both {
    ($($module:ident :: $name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::$module::$name(crate::Database::sqlite()).await;
                }
            )*

            #[test]
            fn the_state_after_a_batch_is_what_a_fresh_load_shows() {
                crate::fold::the_state_after_a_batch_is_what_a_fresh_load_shows(crate::Database::sqlite());
            }
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::$module::$name(crate::Database::postgres()).await;
                }
            )*

            #[test]
            fn the_state_after_a_batch_is_what_a_fresh_load_shows() {
                crate::fold::the_state_after_a_batch_is_what_a_fresh_load_shows(crate::Database::postgres());
            }
        }
    };
}

on_both! {
    erasure::a_deleted_message_leaves_no_byte_of_its_text,
    erasure::an_unknown_kind_passes_through,
    history::pages_end_where_the_messages_end,
    history::a_page_shows_messages_as_they_are_now,
    history::a_room_is_read_by_who_may_know_of_it,
    history::an_empty_or_missing_room_has_empty_pages,
    opening::what_was_committed_is_there_after_reopening,
    opening::a_newer_database_is_refused,
    opening::a_changed_migration_is_refused,
    opening::a_foreign_database_is_refused,
    opening::two_may_open_a_new_database_at_once,
    people::users_are_found_by_name_and_prefix,
    people::devices_sign_in_and_out,
    people::rooms_and_members_are_listed_in_pages,
    people::sharing_a_room_is_seen_while_it_lasts,
    races::two_writers_leave_no_gap_and_lose_nothing,
    races::a_panic_in_a_decision_rolls_back_and_harms_nobody,
    races::a_batch_with_a_gap_is_not_written,
    races::nothing_is_written_without_entries,
    races::of_two_public_channels_with_one_name_one_is_made,
    races::a_caller_who_goes_away_harms_nobody,
    resume::everything_without_a_cursor,
    resume::only_what_moved_with_a_cursor,
    resume::what_was_deleted_is_not_unread,
    resume::rooms_left_and_joined_again,
    resume::markers_moved_on_another_device,
    resume::own_messages_count_as_read,
    txns::a_retry_gets_the_first_answer,
    txns::a_retry_within_one_batch_gets_the_first_answer,
    txns::a_retry_after_reopening_gets_the_first_answer,
    txns::a_retry_of_what_was_erased_gets_the_erased_event,
    txns::a_txn_with_another_command_is_refused,
    upkeep::a_look_says_what_is_there_and_changes_nothing,
    upkeep::a_look_refuses_what_is_not_ours,
    upkeep::a_new_epoch_is_drawn_and_kept,
    upkeep::nodes_of_one_database_share_a_key_and_its_copies_do_not,
    people::a_last_line_is_read_with_how_far_the_room_had_come,
    verify::what_was_committed_verifies,
    verify::events_from_before_the_chain_are_counted,
    verify::what_earlier_rules_allowed_is_read_and_whole,
    verify::what_was_changed_past_the_server_is_named,
    visible::a_user_sees_a_room_while_they_are_in_it,
    visible::one_who_was_away_long_sees_the_same,
    visible::an_earlier_stay_is_never_passed_over_in_silence,
    visible::pages_of_what_is_visible_join_without_a_gap,
}
