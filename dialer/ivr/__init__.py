"""What flows say and do, whoever carries the call: the sounds that may play, answers put on record, SMS."""
