"""Pod Security: three levels of strictness for the Pods of a namespace, chosen by its labels."""
