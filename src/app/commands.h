/* The subcommands of tradebot, one cmd_<name>.c each. Each takes its own arguments (argv[0] is its
 * name), prints its own --help and returns the process's exit status: 0 done, 1 the work failed,
 * EXIT_USAGE the command line was wrong. To add one: a line here, a row in main.c. */
#ifndef APP_COMMANDS_H
#define APP_COMMANDS_H

int cmd_audit(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_backtest(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_indicators(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_rl(int argc, char **argv);
int cmd_sim(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_smoke(int argc, char **argv);
int cmd_user(int argc, char **argv);

#endif
